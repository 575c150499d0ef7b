// One tab at the board. It holds a link: when the server goes and comes back, the tab goes on where it was.

import { link, webSocket } from "@troupe/core";
import { Board, TEXT_LENGTH_MAX, type Guest, type Note, type Update } from "./contract.js";

const NAMES = ["Ines", "Tomas", "Yuki", "Amara", "Lev", "Noor", "Paula", "Silvan"];
const COLORS = ["#e4572e", "#2a9d8f", "#5b5f97", "#d1495b", "#386641", "#9c6644"];
const PAPERS = ["#ffd166", "#b8f2c2", "#ffc6d9", "#c8e7ff", "#e5d4ff"];

const random = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
const wanted = new URLSearchParams(location.search).get("name");
const me = { id: crypto.randomUUID(), name: wanted ?? random(NAMES), color: random(COLORS) };
const element = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const surface = element("board");

const up = link(`${location.origin.replace("http", "ws")}/board`, { transports: [webSocket()] });
const board = up.address(Board);

up.on("up", () => void visit());
for (const state of ["up", "down", "retrying"] as const) up.on(state, () => showLine());

function showLine(): void {
  element("line").dataset["state"] = up.state;
  element("line").textContent = up.state === "up" ? "live" : "reconnecting …";
}

/** Everything that changes arrives here, for as long as the line holds. */
async function visit(): Promise<void> {
  surface.querySelectorAll("[data-id]").forEach((shown) => shown.remove());
  element("people").replaceChildren();
  try {
    for await (const update of board.stream("visit", me)) show(update);
  } catch {
    // The link says so too, and comes back.
  }
}

function show({ notes, removed, guests, left }: Update): void {
  for (const id of [...removed, ...left]) {
    document.querySelectorAll(`[data-id="${CSS.escape(id)}"]`).forEach((shown) => shown.remove());
  }
  for (const note of notes) showNote(note);
  for (const guest of guests) showGuest(guest);
}

function shownAs(id: string, className: string, parent: HTMLElement, tag: string): HTMLElement {
  const found = parent.querySelector<HTMLElement>(`:scope > [data-id="${CSS.escape(id)}"]`);
  if (found !== null) return found;
  const made = document.createElement(tag);
  made.className = className;
  made.dataset["id"] = id;
  parent.append(made);
  return made;
}

function showNote(note: Note): void {
  const shown = shownAs(note.id, "note", surface, "article");
  if (shown.querySelector("textarea") !== null) return;
  shown.style.cssText = `left:${note.x}px;top:${note.y}px;background:${note.color}`;
  shown.dataset["by"] = note.by;
  const remove = document.createElement("button");
  remove.textContent = "×";
  remove.title = "Take it down";
  remove.onclick = () => void board.send("remove", note.id);
  shown.replaceChildren(note.text, remove);
  shown.onpointerdown = (event) => drag(shown, note, event);
  shown.ondblclick = (event) => {
    event.stopPropagation();
    write(shown, note);
  };
}

function showGuest({ id, name, color, x, y }: Guest): void {
  const person = shownAs(id, "", element("people"), "li");
  person.textContent = id === me.id ? `${name} (you)` : name;
  person.style.background = color;
  if (id === me.id || x < 0) return;
  const pointer = shownAs(id, "pointer", surface, "div");
  pointer.style.transform = `translate(${x}px, ${y}px)`;
  if (pointer.childElementCount > 0) return;
  pointer.innerHTML = `<svg viewBox="0 0 18 18"><path d="M2 1l13 6-6 2-2 7z" stroke="#fff"/></svg><span></span>`;
  (pointer.querySelector("path") as SVGPathElement).style.fill = color;
  const label = pointer.querySelector("span") as HTMLElement;
  label.textContent = name;
  label.style.background = color;
}

function drag(shown: HTMLElement, note: Note, start: PointerEvent): void {
  if (start.target !== shown) return;
  shown.setPointerCapture(start.pointerId);
  const [left, top] = [note.x - start.clientX, note.y - start.clientY];
  shown.onpointermove = ({ clientX, clientY }) => {
    const moved = { ...note, x: left + clientX, y: top + clientY };
    shown.style.left = `${moved.x}px`;
    shown.style.top = `${moved.y}px`;
    // If there is no room at the moment, the next movement will do.
    board.trySend("put", moved);
  };
  shown.onpointerup = () => {
    shown.onpointermove = null;
  };
}

function write(shown: HTMLElement, note: Note): void {
  const text = document.createElement("textarea");
  text.value = note.text;
  text.maxLength = TEXT_LENGTH_MAX;
  shown.replaceChildren(text);
  text.focus();
  text.onblur = () => {
    const written = { ...note, text: text.value.trim() };
    text.remove();
    if (written.text === "") {
      shown.remove();
      void board.send("remove", note.id);
    } else {
      showNote(written);
      void board.send("put", written);
    }
  };
}

surface.ondblclick = ({ target, offsetX, offsetY }) => {
  if (target !== surface) return;
  const note = {
    id: crypto.randomUUID(),
    x: offsetX - 20,
    y: offsetY - 20,
    text: "",
    color: random(PAPERS),
    by: me.name,
  };
  write(shownAs(note.id, "note", surface, "article"), note);
  const shown = shownAs(note.id, "note", surface, "article");
  shown.style.cssText = `left:${note.x}px;top:${note.y}px;background:${note.color}`;
};

surface.onpointermove = ({ clientX, clientY }) => {
  const { left, top } = surface.getBoundingClientRect();
  board.trySend("point", { id: me.id, x: Math.round(clientX - left), y: Math.round(clientY - top) });
};
