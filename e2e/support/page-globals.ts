/** A window and a document for React, beside Node's own globals: what a page fetches and aborts stays Node's. */
import { createRequire } from "node:module";

interface Jsdom {
  readonly JSDOM: new (html: string, options: object) => { readonly window: Window & typeof globalThis };
}

const { JSDOM } = createRequire(import.meta.url)("jsdom") as Jsdom;
const { window } = new JSDOM("<!doctype html><body></body>", {
  url: "http://localhost/",
  pretendToBeVisual: true,
});

Object.assign(globalThis, { window, document: window.document });
