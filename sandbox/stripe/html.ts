/** Text for an HTML page; made only by `html` and `raw`, so that everything else is escaped. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A template whose values are escaped, unless they are `Html` themselves. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (Html | readonly Html[] | string | number | null | undefined)[]
): Html {
  return new Html(parts.map((part, index) => part + (index < values.length ? render(values[index]) : "")).join(""));
}

function render(value: Html | readonly Html[] | string | number | null | undefined): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return (value as readonly Html[]).map((one) => one.text).join("");
  return String((value as string | number | null | undefined) ?? "").replaceAll(
    /[&<>"']/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}

export function document(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>${title}</title>
      <link rel="icon" href="data:," />
      ${STYLE}
      <main>${body}</main>
    </html>`.text;
}

const STYLE = new Html(`<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  main { max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
  form { display: inline-flex; gap: .5rem; flex-wrap: wrap; align-items: end; margin: 0; }
  label { display: grid; font-size: .85rem; }
  input, select, button { font: inherit; box-sizing: border-box; height: 2.2rem; padding: 0 .6rem; }
  td:last-child { white-space: nowrap; }
  time { white-space: nowrap; }
  .wide { overflow-x: auto; }
  code { font-size: .85rem; }
  .note { opacity: .7; font-size: .85rem; }
</style>`);
