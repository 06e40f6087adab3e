/** Text of an SVG. Colours are classes: the picture has a dress for light and one for dark pages, and brings its own background. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

export function element(name: string, attributes: Attributes, content?: string): string {
  const pairs = Object.entries(attributes).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return `${key}="${typeof value === "number" ? Number(value.toFixed(2)) : escaped(value)}"`;
  });
  const opening = [name, ...pairs].join(" ");
  return content === undefined ? `<${opening}/>` : `<${opening}>${content}</${name}>`;
}

export interface TextPlace {
  readonly x: number;
  readonly y: number;
  readonly kind: string;
  readonly anchor?: "start" | "middle" | "end";
}

export function text(content: string, { x, y, kind, anchor }: TextPlace): string {
  return element("text", { x, y, class: kind, "text-anchor": anchor }, escaped(content));
}

export function line(from: readonly [number, number], to: readonly [number, number], kind: string): string {
  return element("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], class: kind });
}

export function path(points: readonly (readonly [number, number])[], kind: string): string {
  const steps = points.map(
    ([x, y], at) => `${at === 0 ? "M" : "L"}${Number(x.toFixed(2))} ${Number(y.toFixed(2))}`,
  );
  return element("path", { d: steps.join(""), class: kind });
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** For those who do not see it. */
  readonly title: string;
}

export function picture({ width, height, title }: Picture, parts: readonly string[]): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
  };
  const ground = element("rect", { width, height, rx: 8, class: "ground" });
  const lines = [element("title", {}, escaped(title)), STYLE, ground, ...parts];
  return `${element("svg", { ...attributes, role: "img", "aria-label": title }, `\n${lines.join("\n")}\n`)}\n`;
}

function escaped(content: string): string {
  return content
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** By contender, so that one has the same colour in every picture. */
const COLOURS: Readonly<Record<string, { readonly light: string; readonly dark: string }>> = {
  "plain-ws": { light: "#7d8590", dark: "#8b949e" },
  "socket-io": { light: "#b7791f", dark: "#d9a23b" },
  "ai-sdk-sse": { light: "#8250df", dark: "#a77bf0" },
  "tachikoma-memory": { light: "#0969da", dark: "#4c9bff" },
  "tachikoma-sqlite": { light: "#11806a", dark: "#2fb597" },
  "tachikoma-redis": { light: "#bc4c00", dark: "#f0883e" },
};

/** A class name may hold no dot. */
export function colourClass(name: string): string {
  const known = name.replaceAll(".", "-");
  return `c-${known in COLOURS ? known : "tachikoma-memory"}`;
}

function dress(mode: "light" | "dark"): string {
  const [ground, ink, soft, grid] =
    mode === "light"
      ? ["#ffffff", "#1f2328", "#59636e", "#e4e7eb"]
      : ["#15191f", "#e6edf3", "#9aa4af", "#2b323b"];
  const own = Object.entries(COLOURS).map(
    ([name, colour]) => `.c-${name}{fill:${colour[mode]}}.s.c-${name}{stroke:${colour[mode]};fill:none}`,
  );
  return (
    `.ground{fill:${ground}}text{fill:${ink}}.soft{fill:${soft}}.grid{stroke:${grid}}.axis{stroke:${soft}}.whisker{stroke:${ink}}` +
    `.fit{stroke:${soft}}${own.join("")}`
  );
}

const STYLE = element(
  "style",
  {},
  "text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;font-variant-numeric:tabular-nums}" +
    ".title{font-size:15px;font-weight:600}.value{font-weight:600}.grid,.axis{stroke-width:1}.whisker{stroke-width:1.5}" +
    ".s{stroke-width:2;stroke-linejoin:round}.fit{stroke-width:1.5;stroke-dasharray:5 4;fill:none}" +
    `${dress("light")}@media (prefers-color-scheme:dark){${dress("dark")}}`,
);
