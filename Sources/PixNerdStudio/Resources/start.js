// The form that starts a training: a configuration, then every key with its default and its help.
import { $, h, enc, setOptions, setText, showError, plural, announce } from "./dom.js";
import { get, post } from "./api.js";
import { listOfRuns, loadRuns } from "./train.js";

let keys = null;
let configurations = [];
let rows = []; // {key, input, value as the configuration has it, element}
let sections = [];
const form = () => $("train-form");
let parts = {};

const chosen = () => configurations.find(({ id }) => id === parts.configuration.value);
const base = (entry) => chosen()?.keys.find(({ key }) => key === entry.key)?.value ?? entry.default ?? "";

function build() {
  parts = {
    configuration: h("select", { id: "train-configuration", onchange: configurationChanged }),
    name: h("input", { id: "train-name", required: true, oninput: () => { parts.name.dataset.own = "yes"; } }),
    search: h("input", { type: "search", id: "train-search", placeholder: "Search keys and their help",
      "aria-label": "Search keys", oninput: filter }),
    changed: h("input", { type: "checkbox", id: "train-changed", onchange: filter }),
    count: h("span", { id: "train-count", class: "quiet", role: "status" }),
    error: h("p", { id: "train-error", class: "error", role: "alert", hidden: true }),
    keys: h("div", { id: "train-keys" }),
    text: h("pre", { tabindex: 0, "aria-label": "The configuration's file" }),
    go: h("button", { type: "submit", class: "primary", id: "train-start", text: "Start training" }),
  };
  form().replaceChildren(h("h2", { text: "New training" }),
    h("div", { class: "pair" },
      h("div", { class: "field" }, h("label", { htmlFor: "train-configuration", text: "Configuration" }),
        parts.configuration),
      h("div", { class: "field" }, h("label", { htmlFor: "train-name", text: "Name of the run" }), parts.name)),
    h("details", {}, h("summary", { text: "The configuration's file" }), parts.text),
    h("div", { class: "row wrap" }, parts.search,
      h("label", { class: "check" }, parts.changed, " only what I changed")),
    parts.keys,
    h("div", { class: "submit" }, parts.go, parts.count, parts.error));
}

function buildKeys() {
  const groups = new Map();
  for (const entry of keys) {
    if (entry.key === "name") continue; // the name has its own field
    const section = entry.key.includes(".") ? entry.key.split(".")[0] : "general";
    if (!groups.has(section)) groups.set(section, []);
    groups.get(section).push(entry);
  }
  rows = [];
  sections = [...groups].map(([section, entries]) => {
    const own = entries.map(row);
    rows.push(...own);
    const count = h("span", { class: "quiet" });
    const element = h("details", { class: "section" }, h("summary", {}, h("span", { text: section }), " ", count),
      own.map(({ element }) => element));
    return { element, rows: own, count };
  });
  parts.keys.replaceChildren(...sections.map(({ element }) => element));
}

function row(entry) {
  const id = "key-" + entry.key.replaceAll(".", "-");
  const yes = ["true", "false"].includes(entry.default);
  const changed = () => { mark(self); count(); };
  const input = yes ? h("select", { id, onchange: changed })
    : h("input", { id, oninput: changed, spellcheck: "false", "aria-describedby": id + "-help" });
  if (yes) setOptions(input, [["true", "true"], ["false", "false"]]);
  const reset = h("button", { type: "button", text: "Reset", "aria-label": `Reset ${entry.key}`, hidden: true,
    onclick: () => { input.value = self.base; changed(); input.focus(); } });
  const help = h("p", { class: "help", id: id + "-help" });
  const self = { entry, input, reset, help, base: "",
    element: h("div", { class: "key" }, h("label", { htmlFor: id, text: entry.key }),
      h("div", { class: "row" }, input, reset), help) };
  return self;
}

function mark(self) {
  self.changed = self.input.value !== self.base;
  self.reset.hidden = !self.changed;
  self.element.classList.toggle("changed", self.changed);
}

const changes = () => rows.filter(({ changed }) => changed);

function count() {
  const number = changes().length;
  setText(parts.count, number ? `${plural(number, "key")} changed` : "no key changed");
  for (const { rows, count } of sections) {
    const own = rows.filter(({ changed }) => changed).length;
    setText(count, own ? `${own} changed` : String(rows.length));
  }
}

/** Keys that were changed keep their value; all others take that of the configuration. */
function configurationChanged() {
  const configuration = chosen();
  for (const self of rows) {
    const value = base(self.entry);
    if (!self.changed) self.input.value = value;
    self.base = value;
    const origin = self.entry.default === "" || self.entry.default === undefined ? "empty" : self.entry.default;
    const { help, expects } = self.entry;
    setText(self.help, [help, expects && `Expects ${expects}.`, `Default: ${origin}.`].filter(Boolean).join(" "));
    mark(self);
  }
  setText(parts.text, configuration ? configuration.text : "");
  parts.text.parentElement.hidden = !configuration;
  if (parts.name.dataset.own !== "yes") {
    const wish = configuration ? configuration.keys.find(({ key }) => key === "name")?.value || configuration.name
      : "run";
    const taken = new Set(listOfRuns().map(({ id }) => id));
    let name = wish;
    for (let number = 2; taken.has(name); number += 1) name = `${wish}-${number}`;
    parts.name.value = name;
  }
  count();
}

function filter() {
  const words = parts.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const narrowed = words.length > 0 || parts.changed.checked;
  for (const section of sections) {
    let fitting = 0;
    for (const self of section.rows) {
      const text = `${self.entry.key} ${self.entry.help}`.toLowerCase();
      self.element.hidden = !words.every((word) => text.includes(word)) || (parts.changed.checked && !self.changed);
      fitting += self.element.hidden ? 0 : 1;
    }
    section.element.hidden = !fitting;
    if (narrowed || section.searched) section.element.open = narrowed;
    section.searched = narrowed;
  }
}

/** Loads keys and configurations at the first opening, and the configurations each time. */
export async function openForm() {
  try {
    const [known, files] = await Promise.all([keys ? { keys } : get("keys"), get("configurations"), listOfRuns()
      .length || loadRuns()]);
    configurations = files.configurations;
    if (!keys) {
      keys = known.keys;
      buildKeys();
    }
    setOptions(parts.configuration, [["", "none: all defaults"], ...configurations.map(({ id, name }) => [id, name])],
      parts.configuration.value || (configurations.find(({ name }) => name === "shapes") || configurations[0]
        || { id: "" }).id);
    configurationChanged();
  } catch (error) {
    showError(parts.error, error);
  }
}

async function submit(event) {
  event.preventDefault();
  const name = parts.name.value.trim();
  showError(parts.error, name ? null : "Give the run a name.");
  if (!name) return parts.name.focus();
  parts.go.disabled = true;
  try {
    const { run } = await post("trainings", { run: name, configuration: parts.configuration.value || null,
      keys: Object.fromEntries(changes().map(({ entry, input }) => [entry.key, input.value])) });
    announce(`Training ${run} starts.`);
    delete parts.name.dataset.own;
    await loadRuns();
    location.hash = "#/train/" + enc(run);
  } catch (error) {
    showError(parts.error, error);
  }
  parts.go.disabled = false;
}

export function startForm() {
  build();
  form().addEventListener("submit", submit);
}
