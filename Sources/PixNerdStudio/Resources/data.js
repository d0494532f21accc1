// The Data tab: what is in a data set, and a sheet of its pictures.
import { $, h, enc, enlarge, number, setOptions, setText, showError } from "./dom.js";
import { get } from "./api.js";

let loaded = false;
let asked = 0;

/** Figures of a report that have a name here; others stand in its text. */
function figures(report) {
  const pick = (...names) => names.map((name) => report[name]).find((value) => value !== undefined);
  const count = (value) => {
    if (Array.isArray(value)) return value.length;
    if (!value || typeof value !== "object") return value;
    return Object.values(value).reduce((sum, one) => sum + (Number(one) || 0), 0);
  };
  const range = (value) => {
    if (!value || typeof value !== "object") return undefined;
    const { smallest, median, largest } = value;
    return smallest === largest ? number(median) : `${number(smallest)} to ${number(largest)}`;
  };
  const duplicates = pick("duplicates");
  return [
    ["Pictures", count(pick("pictures"))],
    ["Classes", count(pick("classes"))],
    ["Width", range(pick("width"))],
    ["Height", range(pick("height"))],
    ["Unreadable", count(pick("unreadable"))],
    ["Duplicates", duplicates && Number(duplicates.exact || 0) + Number(duplicates.near || 0)],
    ["Captions", count(pick("captions", "captioned"))],
    ["Trained as", pick("usualFormat", "usual_format")],
  ].filter(([, value]) => (typeof value === "number" && Number.isFinite(value)) || typeof value === "string");
}

async function inspect(event) {
  event.preventDefault();
  const id = $("data-set").value;
  if (!id) return;
  const mine = ++asked;
  history.replaceState(null, "", "#/data/" + enc(id));
  showError($("data-error"), null);
  $("data-empty").hidden = true;
  $("data-report").hidden = true;
  $("data-busy").hidden = false;
  setText($("data-busy"), `Reading the images of ${id}.`);
  try {
    const { report, text } = await get("datasets/" + enc(id));
    if (mine !== asked) return;
    $("data-numbers").replaceChildren(...figures(report || {})
      .map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: number(value) }))));
    setText($("data-text"), text || "");
    $("data-report").hidden = false;
  } catch (error) {
    if (mine === asked) showError($("data-error"), error);
  }
  if (mine === asked) $("data-busy").hidden = true;
}

function sheet() {
  const id = $("data-set").value;
  const size = Number($("data-size").value);
  if (!id) return;
  if (!Number.isInteger(size) || size < 1) return showError($("data-error"), "The size is a whole number of pixels.");
  showError($("data-error"), null);
  const image = $("data-sheet-picture");
  $("data-empty").hidden = true;
  $("data-sheet").hidden = false;
  $("data-sheet").classList.add("busy");
  image.alt = `Pictures of ${id} after the crop to ${size} pixels`;
  image.onload = () => {
    enlarge(image, image.parentElement.clientWidth);
    $("data-sheet").classList.remove("busy");
  };
  image.onerror = () => {
    $("data-sheet").classList.remove("busy");
    $("data-sheet").hidden = true;
    // An <img> does not tell why: ask again for the sentence.
    get(`datasets/${enc(id)}/sheet?size=${size}`)
      .then(() => showError($("data-error"), "The sheet could not be shown."))
      .catch((error) => showError($("data-error"), error));
  };
  image.src = `/api/datasets/${enc(id)}/sheet?size=${size}`;
}

export async function showData({ id }) {
  if (loaded) return;
  loaded = true;
  try {
    const { datasets } = await get("datasets");
    setOptions($("data-set"), datasets.map((set) => [set.id, set.name]), id);
    $("data-inspect").disabled = $("data-sheet-go").disabled = !datasets.length;
    if (!datasets.length) setText($("data-empty"), "There are no data sets here yet.");
  } catch (error) {
    loaded = false;
    showError($("data-error"), error);
  }
}

export function startData() {
  $("data-form").addEventListener("submit", inspect);
  $("data-sheet-go").addEventListener("click", sheet);
  $("data-size").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    sheet();
  });
  $("data-set").addEventListener("change", () => {
    history.replaceState(null, "", "#/data/" + enc($("data-set").value));
    $("data-report").hidden = $("data-sheet").hidden = true;
    $("data-empty").hidden = false;
  });
}
