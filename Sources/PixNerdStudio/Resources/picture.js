// The picture that sampling begins with, and the mask that is painted on it.
import { $, showError, setText, announce, shown, enc } from "./dom.js";
import { post } from "./api.js";

let picture = null; // { id, mask, width, height, drawn }: names on the server, and what is shown
let mask = null; // a canvas of the picture's size, opaque where it is to be made anew
let isPainted = false;

const canvas = () => $("picture-canvas");

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error("The file cannot be read."));
    reader.readAsDataURL(blob);
  });
}

/** Sends a picture to the server, which keeps it; returns its name there. */
export async function sendPicture(blob) {
  return (await post("inputs", { data: await base64(blob) })).id;
}

/** The bytes of a picture that the server keeps, or null, and what is wrong is said. */
export async function keptPicture(id, place, gone) {
  const answer = await fetch("/api/inputs/" + enc(id), { credentials: "same-origin" });
  if (answer.ok) return answer.blob();
  showError(place, gone);
  return null;
}

/** Takes the file that a person chooses. */
export function onChosenFile(input, place, take, forget, said) {
  input.addEventListener("change", async () => {
    if (!input.files[0]) return;
    try {
      await take(input.files[0]);
      announce(said);
    } catch (error) {
      forget();
      showError(place, error);
    }
  });
}

/** Gives a canvas the shape of a picture, about `side` pixels a side, and says how large that is. */
export function fitCanvas(canvas, drawn, side) {
  const size = shown(drawn.width, drawn.height, side);
  canvas.width = size.width;
  canvas.height = Math.round(size.width * drawn.height / drawn.width);
  canvas.setAttribute("aria-label", `The picture, ${drawn.width} pixels wide and ${drawn.height} high`);
}

/** Shows the picture with the mask over it. */
function draw() {
  const { width, height } = canvas();
  const context = canvas().getContext("2d");
  context.imageSmoothingEnabled = width < picture.width;
  context.clearRect(0, 0, width, height);
  context.drawImage(picture.drawn, 0, 0, width, height);
  context.globalAlpha = 0.6;
  context.drawImage(mask, 0, 0, width, height);
  context.globalAlpha = 1;
}

function showState() {
  $("picture-area").hidden = !picture;
  $("picture-fields").hidden = !picture;
  $("picture-paint").hidden = !picture || !picture.drawn;
  if (!picture) return setText($("picture-size"), "");
  const kept = picture.mask && !isPainted ? " With the mask of that picture." : "";
  setText($("picture-size"), picture.drawn
    ? `${picture.height} × ${picture.width} (height × width), scaled to the size above and cropped in the middle.${kept}`
    : `This picture cannot be shown here, but it is used.${kept}`);
  $("picture-resample").disabled = !isPainted && !picture.mask;
  $("picture-strength").placeholder = isPainted || picture.mask ? "1" : "0.75";
}

/** Takes the bytes of a picture, which the server has, or gets now. */
async function take(blob, { id, mask: knownMask } = {}) {
  showError($("picture-error"), null);
  const name = id || await sendPicture(blob);
  let drawn = null;
  try { drawn = await createImageBitmap(blob); } catch { /* a format that the browser does not know */ }
  picture = { id: name, mask: knownMask || null, drawn, width: drawn?.width, height: drawn?.height };
  isPainted = false;
  if (drawn) {
    mask = new OffscreenCanvas(drawn.width, drawn.height);
    fitCanvas(canvas(), drawn, 320);
    draw();
  }
  showState();
  $("picture-more").open = true;
}

/** Paints a stroke, in pixels of the picture. */
function paint(from, to) {
  const context = mask.getContext("2d");
  context.strokeStyle = context.fillStyle = "#ff2d55";
  context.lineCap = "round";
  context.lineWidth = Math.max(1, Number($("picture-brush").value) / 100 * Math.max(mask.width, mask.height));
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  changed();
}

function changed() {
  isPainted = true;
  draw();
  showState();
}

/** A place on the canvas in pixels of the picture. */
function place(event) {
  const box = canvas().getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * mask.width, (event.clientY - box.top) / box.height * mask.height];
}

/** For those who paint by numbers: a rectangle. */
function paintRectangle() {
  const [left, top, width, height] = ["left", "top", "width", "height"].map((side) => $("picture-" + side).valueAsNumber);
  if (![left, top, width, height].every((side) => side >= 0) || width < 1 || height < 1) {
    return showError($("picture-error"), "Give the left, top, width and height of the rectangle in pixels.");
  }
  showError($("picture-error"), null);
  const context = mask.getContext("2d");
  context.fillStyle = "#ff2d55";
  context.fillRect(left, top, width, height);
  changed();
  announce("The rectangle is part of the mask.");
}

/** The mask as the server reads it: black, and white where it is painted. */
async function maskFile() {
  const file = new OffscreenCanvas(mask.width, mask.height);
  const context = file.getContext("2d");
  const painted = mask.getContext("2d").getImageData(0, 0, mask.width, mask.height);
  for (let at = 0; at < painted.data.length; at += 4) {
    const level = painted.data[at + 3] > 127 ? 255 : 0;
    painted.data.fill(level, at, at + 3);
    painted.data[at + 3] = 255;
  }
  context.putImageData(painted, 0, 0);
  return file.convertToBlob({ type: "image/png" });
}

/** The fields of a request; none without a picture. */
export async function pictureFields() {
  if (!picture) return {};
  if (isPainted) {
    picture.mask = await sendPicture(await maskFile());
    isPainted = false;
    showState();
  }
  const fields = { image: picture.id };
  if (picture.mask) fields.mask = picture.mask;
  if ($("picture-strength").value !== "") fields.strength = $("picture-strength").valueAsNumber;
  if (picture.mask && $("picture-resample").value !== "") fields.resample = $("picture-resample").valueAsNumber;
  return fields;
}

function forget() {
  picture = mask = null;
  isPainted = false;
  $("picture-file").value = "";
  for (const field of ["strength", "resample"]) $("picture-" + field).value = "";
  showError($("picture-error"), null);
  showState();
}

/** Takes over what a picture of the gallery began with; forgets the picture where it began with none. */
export async function usePicture(request) {
  forget();
  if (!request.image) return;
  const blob = await keptPicture(request.image, $("picture-error"), "The picture that this one began with is gone.");
  if (!blob) return;
  await take(blob, { id: request.image, mask: request.mask });
  $("picture-strength").value = request.strength ?? "";
  $("picture-resample").value = request.resample ?? "";
}

/** Begins with a picture of the gallery. */
export async function beginWith(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error("The picture is gone.");
  forget();
  await take(await answer.blob());
}

export function startPicture() {
  onChosenFile($("picture-file"), $("picture-error"), take, forget, "The picture is there.");
  $("picture-clear").addEventListener("click", () => {
    picture.mask = null;
    mask.getContext("2d").clearRect(0, 0, mask.width, mask.height);
    isPainted = false;
    draw();
    showState();
  });
  $("picture-remove").addEventListener("click", () => {
    forget();
    $("picture-file").focus();
  });
  $("picture-rectangle").addEventListener("click", paintRectangle);
  let last = null;
  canvas().addEventListener("pointerdown", (event) => {
    canvas().setPointerCapture(event.pointerId);
    last = place(event);
    paint(last, last);
  });
  canvas().addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = place(event);
    paint(last, next);
    last = next;
  });
  for (const name of ["pointerup", "pointercancel"]) canvas().addEventListener(name, () => { last = null; });
  showState();
}
