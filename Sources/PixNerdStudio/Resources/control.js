// The picture that a model is shown: what a ControlNet follows, or what a model reads beside the noise.
import { $, showError, setText, setOptions } from "./dom.js";
import { fitCanvas, keptPicture, onChosenFile, sendPicture } from "./picture.js";

let picture = null; // its name on the server
let model = null; // the model of the form

const help = {
  edges: "The model follows the edges of this picture.",
  control: "The model follows this picture, which must be of the kind that it was trained on.",
  grey: "The model colours this picture.",
  small: "The model draws this picture larger.",
  pictures: "The model paints from this picture, which must be of the kind that it was trained on.",
};
const kinds = {
  edges: [["photograph", "a photograph"], ["picture", "edges, white on black"]],
  grey: [["photograph", "in colours, or of another size"], ["picture", "grey, and of the size of the images"]],
  small: [["photograph", "large, and made small first"], ["picture", "as small as the model was trained on"]],
};

const isControlNet = () => model.shows === "edges" || model.shows === "control";

/** The part of the form for a model. */
export function showControl(chosen) {
  const before = model && model.shows;
  model = chosen;
  const shows = model && model.shows;
  $("control-more").hidden = !help[shows];
  // A picture with a hole is given as one to begin with.
  $("control-masked").hidden = shows !== "masked";
  if (!help[shows]) return;
  setText($("control-help"), help[shows]);
  $("control-kind-field").hidden = !kinds[shows];
  if (shows !== before) setOptions($("control-kind"), kinds[shows] || [], "photograph");
  $("control-edges-field").hidden = shows !== "edges" || $("control-kind").value !== "photograph";
  $("control-acting").hidden = !isControlNet();
}

async function take(blob, id) {
  showError($("control-error"), null);
  picture = id || await sendPicture(blob);
  $("control-area").hidden = false;
  $("control-more").open = true;
  const canvas = $("control-canvas");
  canvas.hidden = true;
  try {
    const drawn = await createImageBitmap(blob);
    fitCanvas(canvas, drawn, 160);
    canvas.getContext("2d").drawImage(drawn, 0, 0, canvas.width, canvas.height);
    canvas.hidden = false;
  } catch { /* a format that the browser does not know */ }
}

function forget() {
  picture = null;
  $("control-file").value = "";
  for (const field of ["strength", "lower", "upper"]) $("control-" + field).value = "";
  $("control-area").hidden = true;
  showError($("control-error"), null);
}

/** The fields of a request; none without a picture, or for a model that is shown none. */
export function controlFields() {
  if (!picture || !help[model && model.shows]) return {};
  const fields = { control: picture, control_kind: kinds[model.shows] ? $("control-kind").value : "picture" };
  if (!$("control-edges-field").hidden && $("control-edges").value) fields.edges = $("control-edges").value;
  if (!isControlNet()) return fields;
  for (const field of ["strength", "lower", "upper"]) {
    if ($("control-" + field).value !== "") fields["control_" + field] = $("control-" + field).valueAsNumber;
  }
  return fields;
}

/** Takes over what a picture of the gallery was made from. */
export async function useControl(request) {
  forget();
  if (!request.control) return;
  const blob = await keptPicture(request.control, $("control-error"), "The picture that the model was shown is gone.");
  if (!blob) return;
  await take(blob, request.control);
  if (kinds[model && model.shows]) $("control-kind").value = request.control_kind || "photograph";
  $("control-edges").value = request.edges || "";
  for (const field of ["strength", "lower", "upper"]) $("control-" + field).value = request["control_" + field] ?? "";
  showControl(model);
}

export function startControl() {
  onChosenFile($("control-file"), $("control-error"), take, forget, "The model is shown the picture.");
  $("control-kind").addEventListener("change", () => showControl(model));
  $("control-remove").addEventListener("click", () => {
    forget();
    $("control-file").focus();
  });
}
