/**
 * A chunk as the AI SDK's own clients take it. Their schema looks into fields that this vocabulary leaves open, and a chunk that it
 * does not like ends the whole answer there: such a field is left out.
 */
import type { Chunk } from "./chunk.ts";
import { withValue } from "./chunk-json.ts";
import { definedFields } from "./defined-fields.ts";

type Fields = Readonly<Record<string, unknown>>;
type Test = (value: unknown) => boolean;

/** The same chunk, or one without the fields that would be refused and with those that would be missed. */
export function stockChunk(chunk: Chunk): Chunk {
  const fitting = withFitting(withValue(chunk), "providerMetadata", isRecordOfRecords);
  if (fitting.type === "text-end") return withFitting(fitting, "citations", isListOfCitations);
  if (fitting.type !== "steering-message") return fitting;
  return { ...fitting, parts: fitting.parts.map(stockPart) };
}

function stockPart<Part extends Fields>(part: Part): Part {
  return withFitting(
    withFitting(part, "providerMetadata", isRecordOfRecords),
    "providerReference",
    isRecordOfTexts,
  );
}

function withFitting<Whole extends Fields>(whole: Whole, field: string, isFitting: Test): Whole {
  const value = whole[field];
  if (value === undefined || isFitting(value)) return whole;
  return definedFields({ ...whole, [field]: undefined }) as Whole;
}

const isText: Test = (value) => typeof value === "string";
const isOptionalText: Test = (value) => value === undefined || isText(value);
const isRecord = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
/** By provider, what it says. */
const isRecordOfRecords: Test = (value) => isRecord(value) && Object.values(value).every(isRecord);
const isRecordOfTexts: Test = (value) => isRecord(value) && Object.values(value).every(isText);
const isListOfCitations: Test = (value) => Array.isArray(value) && value.every(isCitation);
const isIndex: Test = (value) => value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0);

function isCitation(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value["source"])) return false;
  const { source, startIndex, endIndex, citedText } = value;
  const { type, sourceType, id, url, title, mediaType, filename, providerMetadata } = source;
  const isNamed = type === "source" && isText(id);
  const isUrl = sourceType === "url" && isText(url) && isOptionalText(title);
  const isDocument =
    sourceType === "document" && isText(mediaType) && isText(title) && isOptionalText(filename);
  return (
    isNamed &&
    (isUrl || isDocument) &&
    (providerMetadata === undefined || isRecordOfRecords(providerMetadata)) &&
    isIndex(startIndex) &&
    isIndex(endIndex) &&
    isOptionalText(citedText)
  );
}
