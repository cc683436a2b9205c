// What the board asks of the simulator's control API.

const base = "/sandbox/api";

async function request(method, path, body) {
  const reply = await fetch(base + path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  const text = await reply.text();
  const doc = text ? JSON.parse(text) : null;
  if (!reply.ok) throw new Error(doc?.error ?? `${reply.status}`);
  return doc;
}

export const loadBoard = () => request("GET", "/board");
export const loadFaults = () => request("GET", "/faults");
export const setFault = (fault) => request("POST", "/faults", fault);
export const clearFault = (id) => request("DELETE", `/faults/${encodeURIComponent(id)}`);
export const click = (integrationId, entityId, trigger) =>
  request("POST", "/clicks", { integrationId, entityId, trigger, user: { name: "Sandbox User", email: "sandbox.user@example.com" } });

const pollEvery = 1500;
const patience = 3; // failures of the stream in a row before it is polled

// follow calls onEvent for everything after since, in order; onLost when
// events may be missing (the caller loads the board again and follows from
// there); onLive with whether news arrive. It returns a function that stops.
export function follow(since, { onEvent, onLost, onLive }) {
  let stopped = false;
  let failures = 0;
  let source;
  let timer;

  const take = (event) => {
    if (event.seq <= since) return;
    if (event.seq !== since + 1) return lost();
    since = event.seq;
    onEvent(event);
  };
  const lost = () => { if (!stopped) { stop(); onLost(); } };
  const stop = () => { stopped = true; source?.close(); clearTimeout(timer); };

  function stream() {
    source = new EventSource(`${base}/events?since=${since}`);
    source.onopen = () => {
      // After a break the simulator may be another one.
      if (failures > 0) return lost();
      onLive(true);
    };
    source.onmessage = (message) => { if (!stopped) take(JSON.parse(message.data)); };
    source.onerror = () => {
      onLive(false);
      failures++;
      if (failures >= patience || source.readyState === EventSource.CLOSED) {
        source.close();
        poll();
      }
    };
  }
  async function poll() {
    if (stopped) return;
    try {
      const { events, last } = await request("GET", `/journal?since=${since}&limit=500`);
      if (stopped) return;
      if (last < since) return lost();
      onLive(true);
      for (const event of events) { if (!stopped) take(event); }
    } catch {
      onLive(false);
    }
    if (!stopped) timer = setTimeout(poll, pollEvery);
  }

  if ("EventSource" in window) stream(); else poll();
  return stop;
}
