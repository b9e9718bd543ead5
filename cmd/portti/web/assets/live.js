// Keeps the page fresh. The server draws it: an event "view" brings the sections that look
// otherwise now, each as [tag, attributes, content...] with 0 in place of content that stays
// as it is, and they are built here element by element; what came from a device or a server
// can be nothing but text of one. What is in an element data-own is another script's. An event
// "status" brings what changed of the status document, which other files of the page hear
// of as the event "portti:status" of the document, whole; its devices are up to a minute old.
const line = document.getElementById("live");
const stale = 5000; // ms without an event
const whole = {};
let last = Date.now();

// patch makes an element look like what it is to be, and leaves alone what does already:
// the focus, a selection and the place on the page stay.
function patch(at, want) {
  const [tag, attrs, ...kids] = want;
  if (at.hasAttribute("data-own")) return at;
  for (const name of at.getAttributeNames()) {
    if (!(name in attrs) && name !== "open") at.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(attrs)) {
    if (at.getAttribute(name) !== value) at.setAttribute(name, value);
  }
  kids.forEach((kid, i) => {
    if (kid === 0) return;
    const is = at.childNodes[i];
    if (typeof kid === "string") {
      if (is && is.nodeType === Node.TEXT_NODE) {
        if (is.data !== kid) is.data = kid;
      } else {
        put(at, is, document.createTextNode(kid));
      }
    } else if (is && is.nodeType === Node.ELEMENT_NODE && is.localName === kid[0]) {
      patch(is, kid);
    } else {
      put(at, is, patch(make(at, kid[0]), kid));
    }
  });
  while (at.childNodes.length > kids.length) at.lastChild.remove();
  return at;
}

// make makes an element of a drawing where it is to be in one, else one of HTML.
function make(parent, tag) {
  const drawing = "http" + "://www.w3.org/2000/svg";
  return tag === "svg" || parent.namespaceURI === drawing ? document.createElementNS(drawing, tag) : document.createElement(tag);
}

function put(parent, old, fresh) {
  if (old) old.replaceWith(fresh);
  else parent.append(fresh);
}

function say(text) {
  if (line.textContent !== text) line.textContent = text;
}

function gone(text) {
  document.body.toggleAttribute("data-gone", true);
  say(text);
}

const stream = new EventSource(document.body.dataset.events);
stream.addEventListener("view", (e) => {
  for (const want of JSON.parse(e.data)) {
    const at = document.getElementById(want[1].id);
    if (at) patch(at, want);
  }
});
stream.addEventListener("status", (e) => {
  last = Date.now();
  document.body.toggleAttribute("data-gone", false);
  say(line.dataset.live);
  Object.assign(whole, JSON.parse(e.data));
  document.dispatchEvent(new CustomEvent("portti:status", { detail: whole }));
});
stream.addEventListener("error", () => {
  if (stream.readyState === EventSource.CLOSED) gone(line.dataset.ended);
});
setInterval(() => {
  const age = Date.now() - last;
  const said = age < 10000 ? 5 : Math.floor(age / 10000) * 10; // every change of it is read out
  if (age > stale && stream.readyState !== EventSource.CLOSED) gone(line.dataset.gone.replace("{age}", said));
}, 1000);
