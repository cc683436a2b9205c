// The log of what happens, newest first.

import { describe } from "./cells.js";

const most = 250;

const triggers = { "button.push": "Push", "button.unlink": "Unlink", "button.dismiss": "Dismiss" };
const sources = { put: "plugin wrote", delete: "plugin deleted", answer: "answer written", "late answer": "late answer written" };

const clock = (time) => new Date(time).toLocaleTimeString("en-GB");
const took = (ms) => (ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.max(1, Math.round(ms ?? 0))} ms`);

const tones = { connected: "good", error: "bad" };

// words gives a line's tone, heading and text.
function words(event, item, integration) {
  const where = [item, integration].filter(Boolean).join(" · ");
  switch (event.kind) {
    case "click": return ["", `${triggers[event.trigger] ?? event.trigger} clicked`, where];
    case "answer": return event.detail
      ? ["bad", `Answer not usable after ${took(event.tookMs)}`, `${where}: ${event.detail}`]
      : ["quiet", `Answered in ${took(event.tookMs)}`, `${where}: ${describe(event.state)}`];
    case "write": {
      const over = event.before && event.before !== "initial" ? ` (was ${event.before})` : "";
      const { state, message } = event.state;
      const head = state === "error" ? "Failed" : describe(event.state);
      return [tones[state] ?? "", head, `${where}: ${sources[event.source] ?? event.source}${over}${message ? `: ${message}` : ""}`];
    }
    case "probe": return [event.detail === "passed" ? "good" : "bad", `Probe ${event.detail === "passed" ? "passed" : "failed"} in ${took(event.tookMs)}`, event.detail === "passed" ? "" : event.detail];
    case "fault": return ["fault", `Fault: ${event.detail}`, [event.op, where].filter(Boolean).join(" · ")];
    case "refused": return ["bad", `Refused: ${event.op} (${event.status})`, event.detail];
    case "integration": return ["", `Integration ${event.detail}`, ""];
    default: return ["quiet", event.detail, ""];
  }
}

export class Log {
  constructor(list) { this.list = list; }

  add(event, item, integration) {
    const [tone, head, text] = words(event, item, integration);
    const line = document.createElement("li");
    line.dataset.kind = event.kind;
    line.dataset.tone = tone;
    const time = document.createElement("time");
    time.dateTime = event.time;
    time.textContent = clock(event.time);
    const p = document.createElement("p");
    const b = document.createElement("b");
    b.textContent = head.charAt(0).toUpperCase() + head.slice(1);
    const more = document.createElement("span");
    more.className = "more";
    more.textContent = text ? ` ${text}` : "";
    p.append(b, more);
    line.append(time, p);
    this.list.prepend(line);
    while (this.list.children.length > most) this.list.lastElementChild.remove();
  }

  clear() { this.list.replaceChildren(); }
}
