// One picture large, with its settings and what can be done with it.
import { $, h, ask, enc, number, setText, showError, shown, when, announce } from "./dom.js";
import { remove } from "./api.js";
import { beginWith } from "./picture.js";
import { sample, useSettings } from "./sample.js";

let pictures = [];
let at = 0;
const deletions = [];

/** Calls `listener` with the id of every picture that is deleted. */
export function onDeleted(listener) { deletions.push(listener); }

const names = {
  sampler: "Sampler", steps: "Steps", order: "Order", guidance: "Guidance", guidance_lower: "Guidance from time",
  guidance_upper: "Guidance up to time", shift: "Shift", route: "Route", size: "Size",
    negative_prompt: "Negative prompt", values: "Values", strength: "Strength", begins_with: "Begins with", shown: "Model is shown",
    edges: "Edges", control_strength: "Control strength", control_interval: "Control times",
    control_net: "ControlNet",
  resample: "Repeated steps", variation: "Variation",
};

export function openViewer(list, index) {
  pictures = [...list];
  at = index;
  show();
  if (!$("viewer").open) $("viewer").showModal();
}

const url = (frame) => `/api/pictures/${enc(pictures[at].id)}${frame ? `/frames/${frame}` : ""}`;

function show() {
  const picture = pictures[at];
  setText($("viewer-title"), `${picture.prompt}, seed ${picture.seed}`);
  const image = $("viewer-picture");
  const room = Math.min(512, innerWidth - 56, Math.max(200, innerHeight - 220));
  const fit = (width, height) => {
    const size = shown(width, height, room);
    image.style.width = `${size.width}px`;
    image.style.aspectRatio = `${width} / ${height}`;
    image.classList.toggle("pixelated", size.pixelated);
  };
  if (picture.width) fit(picture.width, picture.height);
  image.onload = () => { if (!picture.width) fit(image.naturalWidth, image.naturalHeight); };
  image.alt = `${picture.prompt}, seed ${picture.seed}`;
  image.src = url();
  const frames = picture.frames || 0;
  $("viewer-frames").hidden = frames < 2;
  $("viewer-frame").max = frames || 1;
  $("viewer-frame").value = frames || 1;
  setText($("viewer-frame-text"), `${frames} of ${frames}`);
  const rows = [["Model", picture.model], ["Prompt", picture.prompt], ["Seed", String(picture.seed)]];
  if (picture.width) rows.push(["Size", `${picture.height} × ${picture.width} (height × width)`]);
  for (const [key, value] of Object.entries(picture.settings || {})) {
    if (value === null || value === "" || (key === "size" && picture.width) || key === "seed" || key === "model"
      || key === "prompt") continue;
    const text = Array.isArray(value) ? value.join(", ") : typeof value === "number" ? number(value) : String(value);
    if (text) rows.push([names[key] || key.replaceAll("_", " "), text]);
  }
  rows.push(["Sampled", when(picture.created)]);
  $("viewer-settings").replaceChildren(...rows.flatMap(([name, value]) => [h("dt", { text: name }),
    h("dd", { text: value })]));
  $("viewer-download").href = url() + "?download=1";
  $("viewer-newer").disabled = at === 0;
  $("viewer-older").disabled = at === pictures.length - 1;
  showError($("viewer-error"), null);
}

function move(by) {
  if (pictures[at + by]) {
    at += by;
    show();
  }
}

export function startViewer() {
  $("viewer-close").addEventListener("click", () => $("viewer").close());
  $("viewer-newer").addEventListener("click", () => move(-1));
  $("viewer-older").addEventListener("click", () => move(1));
  $("viewer").addEventListener("keydown", (event) => {
    if (event.target === $("viewer-frame") || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    move(event.key === "ArrowLeft" ? -1 : 1);
  });
  $("viewer-frame").addEventListener("input", () => {
    const frames = pictures[at].frames;
    const frame = Number($("viewer-frame").value);
    $("viewer-picture").src = url(frame < frames ? frame : 0);
    setText($("viewer-frame-text"), `${frame} of ${frames}`);
  });
  $("viewer-again").addEventListener("click", async () => {
    try {
      await sample(pictures[at].request);
      $("viewer").close();
      location.hash = "#/sample";
    } catch (error) {
      showError($("viewer-error"), error);
    }
  });
  $("viewer-use").addEventListener("click", () => {
    $("viewer").close();
    useSettings(pictures[at].request);
  });
  $("viewer-begin").addEventListener("click", async () => {
    try {
      await beginWith(url());
      $("viewer").close();
      location.hash = "#/sample";
      $("picture-file").focus();
      announce("Sampling begins with this picture.");
    } catch (error) {
      showError($("viewer-error"), error);
    }
  });
  $("viewer-delete").addEventListener("click", async () => {
    const picture = pictures[at];
    const sure = await ask({ title: "Delete this picture?",
      text: `${picture.prompt}, seed ${picture.seed}. This cannot be undone.`, confirm: "Delete", danger: true });
    if (!sure) return;
    try {
      await remove("pictures/" + enc(picture.id));
    } catch (error) {
      return showError($("viewer-error"), error);
    }
    for (const listener of deletions) listener(picture.id);
    announce("Deleted.");
    pictures.splice(at, 1);
    if (!pictures.length) return $("viewer").close();
    at = Math.min(at, pictures.length - 1);
    show();
  });
}
