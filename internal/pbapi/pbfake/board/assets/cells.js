// Buttons as Productboard's users see them. Texts go in as text, never as
// markup; an address becomes a link only if it is http or https.

const stamp = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

const webAddress = (s) => {
  try {
    const url = new URL(s);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
};

// drawCell shows a connection in its cell: { connection, waiting }.
export function drawCell(td, item, integration, { connection, waiting }) {
  const state = connection.state;
  const focused = td.contains(document.activeElement);
  td.dataset.state = state;
  td.dataset.waiting = waiting;
  const busy = state === "progress" || waiting > 0;
  td.replaceChildren(busy ? spinner(state) : drawers[state](connection, item, integration));
  if (focused) (td.querySelector("button, a") ?? td).focus({ preventScroll: true });
}

function spinner(state) {
  const el = stamp("t-progress");
  el.setAttribute("aria-label", state === "progress" ? "In progress" : "Waiting for the plugin");
  el.dataset.tip = el.getAttribute("aria-label");
  return el;
}

const drawers = {
  initial(_, item, integration) {
    const button = stamp("t-initial");
    button.textContent = integration.label;
    button.setAttribute("aria-label", `${integration.label} ${item.name} to ${integration.name}`);
    return button;
  },
  connected(connection, item, integration) {
    const pill = stamp("t-connected");
    pill.dataset.color = connection.color;
    pill.querySelector(".label").textContent = connection.label;
    pill.querySelector(".hover").textContent = connection.hoverLabel;
    const link = pill.querySelector("a");
    link.dataset.tip = connection.tooltip;
    link.setAttribute("aria-label", `${connection.label}. ${connection.tooltip}. Opens ${integration.name}`);
    const address = webAddress(connection.targetUrl);
    if (address) link.href = address;
    const unlink = pill.querySelector(".unlink");
    unlink.dataset.tip = "Unlink";
    unlink.setAttribute("aria-label", `Unlink ${item.name} from ${integration.name}`);
    return pill;
  },
  error(connection, item, integration) {
    const button = stamp("t-error");
    button.dataset.tip = connection.message;
    button.setAttribute("aria-label", `${item.name} could not be pushed to ${integration.name}: show why`);
    return button;
  },
};

// describe puts a state into words, for the log and for screen readers.
export function describe(connection) {
  switch (connection?.state) {
    case "connected": return `connected, “${connection.label}”`;
    case "error": return `failed: ${connection.message}`;
    case "progress": return "in progress";
    case "initial": return "not pushed";
    default: return "";
  }
}

// followTips shows the texts in data-tip near what the pointer or the focus
// is on.
export function followTips(tip) {
  const show = (target) => {
    const from = target.closest?.("[data-tip]");
    if (!from) return hide();
    tip.textContent = from.dataset.tip;
    tip.hidden = false;
    const at = from.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const below = at.bottom + 8;
    tip.style.left = `${Math.max(8, Math.min(at.left + at.width / 2 - size.width / 2, innerWidth - size.width - 8))}px`;
    tip.style.top = `${below + size.height < innerHeight ? below : at.top - size.height - 8}px`;
  };
  const hide = () => { tip.hidden = true; };
  document.addEventListener("pointerover", (e) => show(e.target));
  document.addEventListener("focusin", (e) => (e.target.matches(":focus-visible") ? show(e.target) : hide()));
  document.addEventListener("focusout", hide);
  document.addEventListener("pointerdown", hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  document.addEventListener("keydown", (e) => { if (e.key === "Escape") hide(); });
}
