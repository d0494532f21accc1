// The Gallery tab: all pictures, newest first, a page at a time.
import { $, h, enc, setText, showError, shown } from "./dom.js";
import { get, on } from "./api.js";
import { openViewer, onDeleted } from "./viewer.js";

const limit = 60;
let pictures = [];
let loaded = false;
let stale = false;

function tile(picture) {
  const size = shown(picture.width, picture.height, 144);
  const image = h("img", { src: `/api/pictures/${enc(picture.id)}`, loading: "lazy",
    alt: `${picture.prompt}, seed ${picture.seed}, ${picture.model}`,
    class: size.pixelated ? "pixelated" : null });
  const button = h("button", { type: "button", class: "picture", "data-id": picture.id,
    onclick: () => openViewer(pictures, pictures.indexOf(picture)) }, image);
  button.style.width = `${size.width}px`;
  button.style.aspectRatio = `${picture.width} / ${picture.height}`;
  const element = h("figure", { role: "listitem" }, button,
    h("figcaption", {}, h("span", { text: picture.prompt, title: picture.prompt }),
      h("span", { class: "quiet", text: ` ${picture.seed}` }),
      h("span", { class: "quiet model", text: picture.model })));
  element.style.width = `${Math.max(size.width, 96)}px`;
  return element;
}

function showNothing() {
  setText($("gallery-empty"), "There are no pictures yet.");
  $("gallery-empty").hidden = pictures.length > 0;
}

async function older() {
  const before = pictures.length ? `&before=${enc(pictures[pictures.length - 1].id)}` : "";
  $("gallery-more").disabled = true;
  try {
    const answer = await get(`pictures?limit=${limit}${before}`);
    loaded = true;
    pictures.push(...answer.pictures);
    $("gallery").append(...answer.pictures.map(tile));
    $("gallery-more").hidden = !answer.more;
    showError($("gallery-error"), null);
    showNothing();
  } catch (error) {
    $("gallery-empty").hidden = true;
    showError($("gallery-error"), error);
  }
  $("gallery-more").disabled = false;
}

/** New pictures come before those that are shown already. */
async function newer() {
  stale = false;
  try {
    const answer = await get(`pictures?limit=${limit}`);
    const known = new Set(pictures.map((picture) => picture.id));
    const fresh = answer.pictures.filter((picture) => !known.has(picture.id));
    if (fresh.length === answer.pictures.length && fresh.length === limit) { // more than a page is new: begin again
      pictures = [];
      $("gallery").replaceChildren();
      $("gallery-more").hidden = !answer.more;
    }
    pictures = [...fresh, ...pictures];
    $("gallery").prepend(...fresh.map(tile));
    showNothing();
  } catch (error) {
    showError($("gallery-error"), error);
  }
}

export function showGallery() {
  if (!loaded) older();
  else if (stale) newer();
}

export function startGallery() {
  $("gallery-more").addEventListener("click", older);
  on("finished", () => {
    stale = true;
    if (loaded && !$("panel-gallery").hidden) newer();
  });
  on("reconnected", () => { stale = true; });
  onDeleted((id) => {
    pictures = pictures.filter((picture) => picture.id !== id);
    const button = [...$("gallery").querySelectorAll("button")].find((button) => button.dataset.id === id);
    button?.closest("figure").remove();
    showNothing();
  });
}
