// Helpers of the page: elements, numbers and times as text, questions, announcements.

/** An element; `props` are attributes, listeners (onclick) or the properties named below. */
export function h(tag, props, ...kids) {
  return fill(document.createElement(tag), props, kids);
}

/** The same for SVG. */
export function svg(tag, props, ...kids) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, kids);
}

const properties = new Set(["value", "checked", "disabled", "hidden", "selected", "open", "htmlFor",
  "indeterminate"]);

function fill(element, props, kids) {
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "text") element.textContent = value;
    else if (properties.has(key)) element[key] = value;
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false) element.setAttribute(key, value);
  }
  element.append(...kids.flat().filter((kid) => kid !== null && kid !== undefined && kid !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

/** Sets text only where it changed, so that screen readers and layout are left in peace. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function option(value, text, selected) {
  return h("option", { value, text, selected: Boolean(selected) });
}

/** Replaces the options of a select and keeps what was chosen where it is still there. */
export function setOptions(select, options, chosen = select.value) {
  select.replaceChildren(...options.map(([value, text]) => option(value, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
  else if (options.length) select.value = options[0][0];
}

export const enc = encodeURIComponent;

/** A number with three to four digits that matter. */
export function number(x) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (typeof x !== "number") return String(x);
  if (Number.isInteger(x)) return x.toLocaleString("en");
  const size = Math.abs(x);
  if (size >= 1000) return Math.round(x).toLocaleString("en");
  if (size !== 0 && size < 0.0001) return String(Number(x.toPrecision(3))).replace("e-", "e−");
  return String(Number(x.toPrecision(size >= 100 ? 4 : 3)));
}

export function plural(count, one, many = one + "s") {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} days`;
}

export function when(unix) {
  const date = new Date(unix * 1000);
  const today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** How many screen pixels a side of a picture takes: small pictures are enlarged by whole factors. */
export function shown(width, height, target) {
  const longer = Math.max(width, height, 1);
  const factor = longer <= target ? Math.max(1, Math.floor(target / longer)) : target / longer;
  return { width: Math.round(width * factor), pixelated: longer <= 160 };
}

/** Says something to screen readers without moving the focus. */
export function announce(text) {
  const live = $("live");
  live.textContent = "";
  requestAnimationFrame(() => { live.textContent = text; });
}

/** Shows an error where it belongs, or hides the place. */
export function showError(place, error) {
  place.textContent = error ? (error.message || String(error)) : "";
  place.hidden = !error;
}

/**
 * Asks in a dialog. Resolves with true, or with the text of the input where there is one, or with null when it was
 * closed. `check` may return a sentence that says what is wrong with the input.
 */
export function ask({ title, text, confirm, danger, input, check }) {
  const dialog = $("ask");
  setText($("ask-title"), title);
  setText($("ask-text"), text || "");
  $("ask-field").hidden = !input;
  if (input) {
    setText($("ask-label"), input.label);
    $("ask-input").type = input.type || "text";
    $("ask-input").value = input.value ?? "";
  }
  showError($("ask-error"), null);
  const button = $("ask-confirm");
  setText(button, confirm);
  button.className = danger ? "danger" : "primary";
  return new Promise((resolve) => {
    let answer = null;
    $("ask-form").onsubmit = (event) => {
      event.preventDefault();
      const problem = input && check ? check($("ask-input").value) : null;
      if (problem) return showError($("ask-error"), problem);
      answer = input ? $("ask-input").value : true;
      dialog.close();
    };
    $("ask-cancel").onclick = () => dialog.close();
    dialog.onclose = () => resolve(answer);
    dialog.showModal();
    (input ? $("ask-input") : $("ask-cancel")).focus();
    if (input) $("ask-input").select();
  });
}

/** Arrow keys move between the buttons of a group; Tab leaves it. */
export function roving(group, selector) {
  const items = () => [...group.querySelectorAll(selector)];
  group.addEventListener("focusin", (event) => {
    if (!event.target.matches(selector)) return;
    for (const item of items()) item.tabIndex = item === event.target ? 0 : -1;
  });
  group.addEventListener("keydown", (event) => {
    const list = items();
    const at = list.indexOf(document.activeElement);
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    let next = null;
    if (at < 0) return;
    if (move) next = list[(at + move + list.length) % list.length];
    else if (event.key === "Home") next = list[0];
    else if (event.key === "End") next = list[list.length - 1];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

/** How much a sheet of small pictures is enlarged to fill the room: by a whole factor where there is room for one. */
export function enlarge(image, room) {
  const ratio = room / image.naturalWidth;
  const factor = ratio >= 2 ? Math.min(4, Math.floor(ratio)) : Math.max(1, ratio);
  image.style.width = `${Math.floor(image.naturalWidth * factor)}px`;
  image.classList.toggle("pixelated", factor > 1);
}

export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
