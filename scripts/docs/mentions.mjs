// What pages say of the code in backticks: settings, variables, files.

const CODE = /`([^`\n]+)`/g;
const VARIABLE = /\bTACHIKOMA_[A-Z0-9]+(?:__[A-Z0-9_]*[A-Z0-9])+/g;

/**
 * Paths of settings such as `websocket.ping_interval_secs`, with or without a value behind them.
 *
 * @param {string} text
 * @param {readonly string[]} sections names with which a path may begin
 * @returns {string[]}
 */
export function mentionedSettings(text, sections) {
  return codeSpans(text).flatMap((code) => {
    const path = /^([a-z]+(?:\.[\w*-]+)+)(?:\s*=.*)?$/.exec(code)?.[1];
    if (path === undefined || !sections.includes(path.split(".")[0])) return [];
    return /\.[cm]?[jt]sx?$/.test(path) ? [] : [path];
  });
}

/** @returns {string[]} variables that stand for settings, as `TACHIKOMA_SERVER__PORT` */
export function mentionedVariables(text) {
  return [...text.matchAll(VARIABLE)].map(([name]) => name);
}

/** Files and folders that are named in backticks: what has a slash at its end, or the ending of a source file. */
export function mentionedFiles(text) {
  return codeSpans(text).flatMap(expandBraces).filter(isFileName);
}

function codeSpans(text) {
  const withoutBlocks = text.replace(/^(```|~~~)[\s\S]*?^\1$/gm, "");
  return [...withoutBlocks.matchAll(CODE)].map((match) => match[1]);
}

function isFileName(code) {
  return /^[\w./-]+(?:\.(?:[cm]?[jt]sx?|md|toml)|\/)$/.test(code) && !code.startsWith("/");
}

function expandBraces(code) {
  const match = /^(.*)\{([\w,-]+)\}(.*)$/.exec(code);
  return match === null ? [code] : match[2].split(",").map((name) => `${match[1]}${name}${match[3]}`);
}
