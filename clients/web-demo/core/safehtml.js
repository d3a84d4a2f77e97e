// The server's policy texts as elements: parsed apart from the page, and only what belongs in a text is taken over.
const ALLOWED = new Set(["H1", "H2", "H3", "H4", "P", "UL", "OL", "LI", "STRONG", "EM", "B", "I", "BR", "A", "DL", "DT", "DD", "BLOCKQUOTE", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "SECTION", "TIME", "CODE"]);
const SCHEMES = ["http:", "https:", "mailto:", "tel:"];

function copy(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  const children = [...node.childNodes].map(copy).filter(Boolean);
  if (!ALLOWED.has(node.tagName)) {
    const loose = document.createDocumentFragment();
    if (!["SCRIPT", "STYLE", "TITLE", "HEAD"].includes(node.tagName)) loose.append(...children);
    return loose;
  }
  const made = document.createElement(node.tagName === "H1" ? "h2" : node.tagName);
  const href = node.getAttribute("href");
  if (node.tagName === "A" && href && SCHEMES.includes(new URL(href, location.href).protocol)) made.href = href;
  if (node.id) made.id = node.id;
  made.append(...children);
  return made;
}

export function safeHtml(text) {
  const parsed = new DOMParser().parseFromString(text, "text/html");
  const whole = document.createDocumentFragment();
  whole.append(...[...parsed.body.childNodes].map(copy).filter(Boolean));
  return whole;
}
