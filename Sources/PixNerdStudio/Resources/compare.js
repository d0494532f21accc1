// The difference of two pictures, computed in a canvas.
import { h, setText, number } from "./dom.js";

/** Draws the absolute difference of two images, times `gain`; gives the mean and the largest over all channels. */
function draw(canvas, a, b, gain) {
  const width = Math.max(a.naturalWidth, b.naturalWidth);
  const height = Math.max(a.naturalHeight, b.naturalHeight);
  if (!a.naturalWidth || !b.naturalWidth) return null;
  const pixels = [a, b].map((image) => {
    const scratch = h("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
    scratch.imageSmoothingEnabled = false;
    scratch.drawImage(image, 0, 0, width, height);
    return scratch.getImageData(0, 0, width, height);
  });
  const [one, two] = pixels.map((image) => image.data);
  const result = new ImageData(width, height);
  let sum = 0;
  let largest = 0;
  for (let at = 0; at < one.length; at += 4) {
    for (let channel = 0; channel < 3; channel += 1) {
      const distance = Math.abs(one[at + channel] - two[at + channel]);
      sum += distance;
      if (distance > largest) largest = distance;
      result.data[at + channel] = distance * gain;
    }
    result.data[at + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(result, 0, 0);
  return { mean: sum / (width * height * 3), largest };
}

/** Rows of a picture of A, the same of B, and their difference. */
export function difference(first, second) {
  let started = false;
  const gain = h("select", { "aria-label": "Brightness of the difference" },
    [1, 2, 4, 8].map((factor) => h("option", { value: factor, text: `× ${factor}`, selected: factor === 2 })));
  const summary = h("span", { class: "quiet", role: "status" });
  const rows = first.slice(0, second.length).map((a, at) => {
    const b = second[at];
    const canvas = h("canvas", { width: 1, height: 1, role: "img", "aria-label": "Difference",
      class: `picture ${a.image.className}` });
    canvas.style.width = a.button.style.width;
    canvas.style.aspectRatio = a.button.style.aspectRatio;
    const caption = h("figcaption", { class: "quiet", text: "difference" });
    const row = { a, b, canvas, caption, numbers: null };
    for (const { image } of [a, b]) image.addEventListener("load", () => { if (started) show(row); });
    return row;
  });

  function show(row) {
    const { a, b, canvas, caption } = row;
    if (!a.image.complete || !b.image.complete) return;
    row.numbers = draw(canvas, a.image, b.image, Number(gain.value));
    if (!row.numbers) return;
    const text = `mean ${number(row.numbers.mean)}, largest ${row.numbers.largest}`;
    setText(caption, text);
    canvas.setAttribute("aria-label", `Difference, ${text} of 255`);
    const known = rows.filter((row) => row.numbers);
    const mean = known.reduce((sum, row) => sum + row.numbers.mean, 0) / known.length;
    setText(summary, `Mean difference of all: ${number(mean)} of 255`);
  }

  gain.addEventListener("change", () => rows.forEach(show));
  const element = h("div", {},
    h("div", { class: "row wrap" }, h("label", { class: "inline" }, h("span", { text: "Difference" }), gain),
      summary),
    h("div", { class: "comparison" }, rows.map(({ a, b, canvas, caption }) => h("div", { class: "triple" },
      a.element, b.element, h("figure", {}, canvas, caption)))));
  return {
    element,
    start() {
      started = true;
      for (const { a, b } of rows) for (const { image } of [a, b]) image.loading = "eager";
      rows.forEach(show);
    },
  };
}
