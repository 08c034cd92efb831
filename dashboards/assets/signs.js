// Signs and small words that all screens share. The files of a screen are joined into one module, this one first.

const SHAPES = {
  pass: '<svg viewBox="0 0 100 100"><circle cx="50" cy="50" r="47"/><path class="mark" d="M27 52l16 17 31-36"/></svg>',
  fail: '<svg viewBox="0 0 100 100"><path d="M30 2h40l28 28v40l-28 28H30L2 70V30z"/><path class="mark" d="M33 33l34 34M67 33L33 67"/></svg>',
  review: '<svg viewBox="0 0 100 100"><path d="M50 5l47 86a4 4 0 0 1-3 6H6a4 4 0 0 1-3-6z"/><path class="mark" d="M50 40v25"/><circle class="dot" cx="50" cy="81" r="6"/></svg>',
};

// A line's own beat comes each second, and every part counts as one; the server beats every 500 ms.
const SERVER_SILENT_MS = 1700;
const LINE_SILENT_MS = 1800;
const REOPEN_MS = 3500;
const MOST_KEPT_ALIVE = 15000; // browsers refuse more than 64 kB that is to outlive its page, with four bytes a letter at most

function element(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Make an HTML element with a class and a text; what comes from a plant is only ever set as text.
function made(tag, className = '', text = '') {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  if (tag === 'button') node.type = 'button';
  return node;
}

// A screen is as high as what the masthead leaves of the window; how many rows that has depends on who looks.
function keepBelowMasthead(screen) {
  const masthead = document.querySelector('.st-key-masthead');
  if (!masthead) return null;
  const watch = new ResizeObserver(() => screen.style.setProperty('--above', `${masthead.offsetHeight + 30}px`));
  watch.observe(masthead);
  return watch;
}

function percent(ratio, digits = 0) { return `${(ratio * 100).toFixed(digits)} %`; }
function number(value) { return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))); }
function clock(utcMs) { return new Date(utcMs).toLocaleTimeString('en-GB', { hour12: false }); }
function filled(sentence, values) { return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]); }

// Send one object to the server; 0 where it could not be reached.
async function post(address, body) {
  try {
    const text = JSON.stringify(body);
    const keepalive = text.length < MOST_KEPT_ALIVE;
    const reply = await fetch(address, { method: 'POST', keepalive, headers: { 'Content-Type': 'application/json' }, body: text });
    return reply.status;
  } catch {
    return 0;
  }
}

// Who acts on this screen, as the server said with the page; the server asks again whenever something is stored.
let signer = { who: '', badge: false };
function operatorName() { return signer.who; }

// Lead whoever acts on a screen at the line to their badge; false where they may not act at all.
function leadToBadge(language) {
  if (!signer.badge) return false;
  location.assign(`/badge?lang=${language}&next=${encodeURIComponent(location.pathname + location.search)}`);
  return true;
}

// Return what Streamlit calls with each rerun: one screen per place on the page, told anew what to show, closed when the page is left.
function mounted(Screen) {
  const screens = new WeakMap();
  return (component) => {
    const root = component.parentElement;
    let screen = screens.get(root);
    if (!screen) screens.set(root, (screen = new Screen(root)));
    screen.configure(component.data, component.setTriggerValue);
    return () => { screen.close(); screens.delete(root); };
  };
}
