// The board: items by type, a column per integration, live.

import { click, follow, loadBoard } from "./api.js";
import { describe, drawCell, followTips } from "./cells.js";
import { fillFaults } from "./faults.js";
import { Log } from "./log.js";

const $ = (id) => document.getElementById(id);
const plural = { product: "Products", component: "Components", feature: "Features", subfeature: "Subfeatures", initiative: "Initiatives",
  objective: "Objectives", keyResult: "Key results", release: "Releases", releaseGroup: "Release groups", company: "Companies", user: "Users" };
const order = ["feature", "subfeature", "initiative", "objective", "keyResult", "release", "releaseGroup", "product", "component", "company", "user"];

const table = $("board");
const log = new Log($("log"));
const faults = fillFaults($("faults"), $("other-faults"), (error) => say(`The fault could not be set: ${error.message}`));

let items = new Map(); // entity id -> item
let integrations = new Map(); // enabled ones, by id
let cells = new Map(); // "integration entity" -> { td, connection, waiting }
let shownType = "";
let mine = new Set(); // cells that were clicked here, to be read out

const keyOf = (integration, entity) => `${integration} ${entity}`;
const say = (text) => { $("said").textContent = text; };

// ---- drawing

function build(board) {
  items = new Map(board.entities.map((e) => [e.id, e]));
  integrations = new Map(board.integrations.filter((i) => i.status === "enabled").map((i) => [i.id, i]));
  const known = new Map(board.connections.map((c) => [keyOf(c.integrationId, c.entityId), c]));
  cells = new Map();

  const head = table.tHead.rows[0];
  while (head.cells.length > 1) head.lastElementChild.remove();
  for (const integration of integrations.values()) {
    const th = element("th", integration.name);
    th.scope = "col";
    th.append(element("small", integration.type));
    head.append(th);
  }
  for (const body of [...table.tBodies]) body.remove();
  for (const type of order) {
    const group = board.entities.filter((e) => e.type === type);
    if (group.length > 0) table.append(groupOf(type, group, known));
  }
  fillChips(board.entities);
  showEmpty();
  narrow();
  count();
  faults.show(board.faults);
}

function groupOf(type, group, known) {
  const body = document.createElement("tbody");
  body.dataset.type = type;
  const title = body.insertRow();
  title.className = "group";
  const th = document.createElement("th");
  th.colSpan = integrations.size + 1;
  th.scope = "rowgroup";
  const name = element("span", plural[type] ?? type);
  name.className = "type";
  name.dataset.type = type;
  th.append(name, element("span", String(group.length)));
  title.append(th);
  for (const item of group) {
    const row = body.insertRow();
    row.dataset.row = item.id;
    const label = document.createElement("th");
    label.scope = "row";
    const link = element("a", item.name);
    link.href = pageOf(item.id);
    label.append(link);
    const parent = items.get(item.parent);
    if (parent) label.append(element("small", parent.name));
    row.append(label);
    for (const integration of integrations.values()) {
      const td = row.insertCell();
      td.dataset.entity = item.id;
      td.dataset.integration = integration.id;
      const key = keyOf(integration.id, item.id);
      const was = known.get(key);
      cells.set(key, { td, connection: was?.connection ?? { state: "initial" }, waiting: was?.waiting ?? 0 });
      drawCell(td, item, integration, cells.get(key));
    }
  }
  return body;
}

function element(name, text) {
  const el = document.createElement(name);
  el.textContent = text;
  return el;
}

const pageOf = (id) => `/sandbox/detail/${btoa(`PmEntity:${id}`).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_")}`;

function fillChips(entities) {
  const types = order.filter((t) => entities.some((e) => e.type === t));
  if (!types.includes(shownType)) shownType = "";
  $("types").replaceChildren(...["", ...types].map((type) => {
    const chip = element("button", type ? plural[type] : "All");
    chip.type = "button";
    chip.dataset.type = type;
    chip.setAttribute("aria-pressed", String(type === shownType));
    return chip;
  }));
}

function showEmpty() {
  const text = items.size === 0 ? "There are no items yet."
    : integrations.size === 0 ? "There is no integration yet. Its column appears here as soon as a plugin registers one." : "";
  $("empty").textContent = text;
  $("empty").hidden = text === "";
}

// narrow hides what the search and the chips do not ask for.
function narrow() {
  const wanted = $("find").value.trim().toLowerCase();
  for (const body of table.tBodies) {
    let any = false;
    for (const row of [...body.rows].slice(1)) {
      row.hidden = (shownType && body.dataset.type !== shownType) || (wanted && !items.get(row.dataset.row).name.toLowerCase().includes(wanted));
      any ||= !row.hidden;
    }
    body.hidden = !any;
  }
}

function count() {
  const totals = { progress: 0, connected: 0, error: 0 };
  for (const { connection } of cells.values()) if (connection.state in totals) totals[connection.state]++;
  for (const [state, n] of Object.entries(totals)) {
    const box = document.querySelector(`[data-total="${state}"]`);
    box.querySelector("dd").textContent = n;
    box.toggleAttribute("data-none", n === 0);
  }
}

// ---- news

let counting = false;

function onEvent(event) {
  const cell = cells.get(keyOf(event.integrationId, event.entityId));
  const item = items.get(event.entityId);
  const integration = integrations.get(event.integrationId);
  log.add(event, item?.name, integration?.name);
  if (event.kind === "integration" || (event.kind === "settings" && event.detail.includes("entities"))) return reload();
  if (event.kind === "fault" || event.kind === "settings") return refreshFaults();
  if (!cell || !["click", "answer", "write"].includes(event.kind)) return;
  cell.waiting = event.waiting ?? 0;
  if (event.kind === "write") {
    cell.connection = event.state;
    cell.td.dataset.flash = "";
    if (mine.has(cell) && event.state.state !== "progress") {
      mine.delete(cell);
      say(`${item.name} in ${integration.name}: ${describe(event.state)}`);
    }
  }
  drawCell(cell.td, item, integration, cell);
  if (!counting) {
    counting = true;
    requestAnimationFrame(() => { counting = false; count(); });
  }
}

// soon folds a burst of calls into one.
function soon(ms, run) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(run, ms); };
}

const refreshFaults = soon(150, () => faults.refresh().catch(() => {}));
const reload = soon(60, start);
let stop = () => {};

function onLive(live) {
  $("live").dataset.live = live ? "live" : "lost";
  $("live").textContent = live ? "Live" : "Reconnecting";
}

async function start() {
  stop();
  try {
    const board = await loadBoard();
    build(board);
    stop = follow(board.seq, { onEvent, onLive, onLost: reload });
  } catch {
    onLive(false);
    setTimeout(reload, 1500);
  }
}

// ---- clicks

async function press(cell, trigger) {
  const { entity, integration } = cell.td.dataset;
  mine.add(cell);
  const times = trigger === "button.push" && $("twice").checked ? 2 : 1;
  try {
    await Promise.all(Array.from({ length: times }, () => click(integration, entity, trigger)));
  } catch (error) {
    say(`The click was not possible: ${error.message}`);
  }
}

const dialog = $("error");
let failed; // the cell that the pop-up is about

function showError(cell, button) {
  failed = cell;
  $("error-message").textContent = cell.connection.message;
  $("error-debug").hidden = !cell.connection.debugDetail;
  $("error-debug").open = false;
  $("error-debug").querySelector("pre").textContent = cell.connection.debugDetail ?? "";
  dialog.showModal();
  const at = button.getBoundingClientRect();
  const size = dialog.getBoundingClientRect();
  dialog.style.margin = "0";
  dialog.style.left = `${Math.max(8, Math.min(at.left - 16, innerWidth - size.width - 8))}px`;
  dialog.style.top = `${Math.max(8, at.bottom + 6 + size.height < innerHeight ? at.bottom + 6 : at.top - size.height - 6)}px`;
}

table.addEventListener("click", (e) => {
  const button = e.target.closest("[data-action]");
  const td = button?.closest("td");
  if (!td) return;
  const cell = cells.get(keyOf(td.dataset.integration, td.dataset.entity));
  switch (button.dataset.action) {
    case "push": return press(cell, "button.push");
    case "unlink": return press(cell, "button.unlink");
    case "show-error": return showError(cell, button);
  }
});
dialog.addEventListener("click", (e) => {
  if (e.target === dialog) return dialog.close(); // beside it
  const action = e.target.closest("[data-action]")?.dataset.action;
  if (!action) return;
  dialog.close();
  press(failed, action === "dismiss" ? "button.dismiss" : "button.push");
});
table.addEventListener("animationend", (e) => e.target.removeAttribute?.("data-flash"));
$("find").addEventListener("input", narrow);
$("types").addEventListener("click", (e) => {
  const chip = e.target.closest("button");
  if (!chip) return;
  shownType = chip.dataset.type;
  for (const c of $("types").children) c.setAttribute("aria-pressed", String(c === chip));
  narrow();
});
$("clear-log").addEventListener("click", () => log.clear());

followTips($("tip"));
start();
