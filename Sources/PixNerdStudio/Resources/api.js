// The studio's API: requests, errors as sentences, the token, and the stream of events.
import { $, showError } from "./dom.js";

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(method, path, body) {
  let answer;
  try {
    answer = await fetch("/api/" + path, {
      method,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("The server does not answer.", 0);
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json().catch(() => null);
  let message = `The server answered ${answer.status}.`;
  try {
    message = (await answer.json()).error.message || message;
  } catch { /* not JSON: the number will do */ }
  if (answer.status === 401 && path !== "session") askForToken();
  const wait = answer.headers.get("Retry-After");
  if (answer.status === 429 && wait) message += ` Try again in ${wait} s.`;
  throw new ApiError(message, answer.status);
}

export const get = (path) => request("GET", path);
export const post = (path, body) => request("POST", path, body);
export const remove = (path) => request("DELETE", path);

/** The server wants a token: asks once, then loads the page anew. */
function askForToken() {
  const dialog = $("token");
  if (dialog.open) return;
  $("token-form").onsubmit = async (event) => {
    event.preventDefault();
    try {
      await post("session", { token: $("token-input").value });
      location.reload();
    } catch (error) {
      showError($("token-error"), error.status === 401 ? "This is not the token." : error);
      $("token-input").select();
    }
  };
  dialog.showModal();
}

const listeners = new Map();

/** Calls `listener` with the data of every event of this name. */
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, []);
  listeners.get(name).push(listener);
}

export function emit(name, data) {
  for (const listener of listeners.get(name) || []) {
    try { listener(data); } catch (error) { console.error(error); }
  }
}

let connectedBefore = false;

/** Opens the stream of events. The browser connects again by itself; where it gives up, this does after a while. */
export function connect() {
  const source = new EventSource("/api/events");
  for (const name of ["state", "step", "finished", "metrics", "preview", "saved"]) {
    source.addEventListener(name, (event) => emit(name, JSON.parse(event.data)));
  }
  source.onopen = () => {
    $("connection").hidden = true;
    if (connectedBefore) emit("reconnected");
    connectedBefore = true;
  };
  source.onerror = () => {
    $("connection").hidden = $("token").open;
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(connect, 5000);
    get("state").catch(() => {}); // asks for the token where that is the reason
  };
}
