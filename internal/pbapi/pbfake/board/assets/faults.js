// The switches for what goes wrong. Each is a fault of the simulator with an
// id of its own, so that several boards show the same.

import { clearFault, loadFaults, setFault } from "./api.js";

const presets = [
  { id: "slow-api", text: "Productboard is slow (2 s)", class: "api", kind: "delay", delayMs: 2000 },
  { id: "rate-limited", text: "Too many requests (429)", class: "api", kind: "status", status: 429, retryAfterMs: 2000 },
  { id: "unavailable", text: "Productboard is down (503)", class: "api", kind: "status", status: 503 },
  { id: "read-fails", text: "Items not readable (500)", class: "entity.read", kind: "status", status: 500 },
  { id: "put-fails", text: "States not writable (500)", class: "connection.put", kind: "status", status: 500 },
  { id: "put-cut", text: "Line breaks after writing", class: "connection.put", kind: "drop-after" },
  { id: "put-lost", text: "Written states get lost", class: "connection.put", kind: "lost" },
  { id: "late-answer", text: "Answers applied 1 s late", class: "callback", kind: "late-answer", delayMs: 1000 },
  { id: "slow-click", text: "Clicks arrive 3 s late", class: "callback", kind: "delay", delayMs: 3000 },
  { id: "no-plugin", text: "Plugin unreachable (502)", class: "callback", kind: "status", status: 502 },
];

const rates = [
  { text: "always" },
  { text: "1 in 2", probability: 0.5 },
  { text: "1 in 5", probability: 0.2 },
  { text: "next time", count: 1 },
  { text: "next 3", count: 3 },
];

const rateOf = (fault) => {
  const i = rates.findIndex((r) => (fault.count ? Boolean(r.count) : (r.probability ?? 0) === (fault.probability ?? 0) && !r.count));
  return Math.max(i, 0);
};

// fillFaults makes the switches; the function that it returns reads the
// simulator's faults and shows them.
export function fillFaults(list, others, onError) {
  const rows = new Map();
  for (const preset of presets) {
    const row = document.getElementById("t-fault").content.firstElementChild.cloneNode(true);
    const [box, rate] = [row.querySelector("input"), row.querySelector("select")];
    row.dataset.fault = preset.id;
    row.querySelector(".switch span").textContent = preset.text;
    rate.setAttribute("aria-label", `How often: ${preset.text}`);
    rate.append(...rates.map((r, i) => new Option(r.text, i)));
    const apply = async () => {
      const { text, ...fault } = preset;
      const { text: _, ...often } = rates[rate.value];
      try {
        await (box.checked ? setFault({ ...fault, ...often }) : clearFault(preset.id));
      } catch (error) {
        onError(error);
      }
    };
    box.addEventListener("change", apply);
    rate.addEventListener("change", () => { if (box.checked) apply(); });
    rows.set(preset.id, { box, rate });
    list.append(row);
  }
  const show = (faults) => {
    const on = new Map(faults.map((f) => [f.id, f]));
    for (const [id, { box, rate }] of rows) {
      box.checked = on.has(id);
      if (on.has(id)) rate.value = rateOf(on.get(id));
    }
    const more = faults.filter((f) => !rows.has(f.id)).length;
    others.hidden = more === 0;
    others.textContent = `${more} more set through the control API`;
  };
  return { show, refresh: async () => show(await loadFaults()) };
}
