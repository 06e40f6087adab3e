import { useState } from "preact/hooks";

export function CodeBlock({ language, text }: { readonly language: string; readonly text: string }) {
  return (
    <figure class="code-block">
      <figcaption>
        <span>{language === "" ? "text" : language}</span>
        <CopyButton text={text} />
      </figcaption>
      <pre>
        <code>{text}</code>
      </pre>
    </figure>
  );
}

const COPIED_NOTICE_MS = 1_500;

function CopyButton({ text }: { readonly text: string }) {
  const [isCopied, setCopied] = useState(false);
  // Browsers offer the clipboard on https and localhost only.
  if (navigator.clipboard === undefined) return null;
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), COPIED_NOTICE_MS);
      },
      () => setCopied(false),
    );
  };
  return (
    <button type="button" class="quiet-button" data-testid="copy-code" onClick={copy}>
      {isCopied ? "Copied" : "Copy"}
    </button>
  );
}
