// Elements out of words: every text becomes a text node, so nothing that a stranger wrote is ever read as markup.

export const $ = (id) => document.getElementById(id);

// An element with attributes (a function is a listener, null and false are left out, true is empty) and children.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// A link to http or https that tells the other side nothing; the bare words for any other address.
export function link(address, words) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return words;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return words;
  return make("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, words);
}

export const thumb = (row) => `/thumb/${row.n}?v=${encodeURIComponent(row.id)}`;
export const original = (row) => `/image/${row.n}?v=${encodeURIComponent(row.id)}`;

export const number = (value) => value.toLocaleString("en");
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export function weight(bytes) {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1e3 ? `${Math.round(bytes / 1e3)} kB` : `${bytes} B`;
}
