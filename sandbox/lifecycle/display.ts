import { clearScreenDown, cursorTo, moveCursor } from "node:readline";
import type { WriteStream } from "node:tty";
import { duration, type StepEvent } from "./steps.ts";

/** Shows steps that run side by side. */
export interface Display {
  show(event: StepEvent): void;
  /** A line of text among the steps. */
  say(text: string): void;
  /** Ends what moves. Nothing is shown after it. */
  close(): void;
}

/** A moving one on a terminal; plain lines in a log, a pipe or CI. */
export function displayOn(stream: NodeJS.WriteStream): Display {
  return stream.isTTY && !process.env["CI"]
    ? new MovingDisplay(stream)
    : new PlainDisplay((line) => stream.write(`${line}\n`));
}

/** Of a plain display: between two lines of one step. */
const REPEAT_AFTER_MS = 15_000;

interface Active {
  title: string;
  doing: string;
  since: number;
  shown: number;
}

/**
 * One line when a step ends, and for a long one every quarter of a minute what it is doing, so that a reader of a log
 * sees that it lives.
 */
export class PlainDisplay implements Display {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  readonly #active = new Map<number, Active>();
  readonly #timer: NodeJS.Timeout;

  constructor(write: (line: string) => void, now: () => number = Date.now) {
    this.#write = write;
    this.#now = now;
    this.#timer = setInterval(() => this.tick(), 1_000).unref();
  }

  show(event: StepEvent): void {
    const ended = endLine(event);
    if (ended !== undefined) {
      this.#active.delete(event.step);
      this.#write(ended);
      return;
    }
    const active = this.#active.get(event.step) ?? {
      title: event.title,
      doing: "",
      since: this.#now(),
      shown: this.#now(),
    };
    if (event.state === "doing") active.doing = event.doing;
    this.#active.set(event.step, active);
  }

  /** Repeats what long steps are doing. */
  tick(): void {
    for (const active of this.#active.values()) {
      if (this.#now() - active.shown < REPEAT_AFTER_MS) continue;
      active.shown = this.#now();
      this.#write(`… ${activeLine(active, this.#now())}`);
    }
  }

  say(text: string): void {
    this.#write(text);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

/** Ended steps scroll up; those that run are redrawn below them. */
class MovingDisplay implements Display {
  readonly #stream: WriteStream;
  readonly #active = new Map<number, Active>();
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;
  #frame = 0;

  constructor(stream: WriteStream) {
    this.#stream = stream;
    this.#timer = setInterval(() => this.#redraw(), 100).unref();
  }

  show(event: StepEvent): void {
    const ended = endLine(event);
    if (ended !== undefined) {
      this.#active.delete(event.step);
      this.say(ended);
      return;
    }
    const active = this.#active.get(event.step) ?? { title: event.title, doing: "", since: Date.now(), shown: 0 };
    if (event.state === "doing") active.doing = event.doing;
    this.#active.set(event.step, active);
  }

  say(text: string): void {
    this.#erase();
    this.#stream.write(`${text}\n`);
    this.#redraw();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #erase(): void {
    if (this.#drawn === 0) return;
    moveCursor(this.#stream, 0, -this.#drawn);
    cursorTo(this.#stream, 0);
    clearScreenDown(this.#stream);
    this.#drawn = 0;
  }

  #redraw(): void {
    this.#erase();
    this.#frame = (this.#frame + 1) % SPINNER.length;
    for (const active of this.#active.values()) {
      const line = `${SPINNER[this.#frame]} ${activeLine(active, Date.now())}`;
      // A line that wraps would be two to erase.
      this.#stream.write(`${line.slice(0, (this.#stream.columns || 80) - 1)}\n`);
      this.#drawn++;
    }
  }
}

function activeLine({ title, doing, since }: Active, now: number): string {
  return `${title}${doing === "" ? "" : `: ${doing}`} (${duration(now - since)})`;
}

function endLine(event: StepEvent): string | undefined {
  switch (event.state) {
    case "done":
      return `✓ ${event.title}${event.note ? `: ${event.note}` : ""} (${duration(event.ms)})`;
    case "failed":
      return `✗ ${event.title} failed after ${duration(event.ms)}`;
    case "started":
    case "doing":
      return undefined;
    default:
      return event satisfies never;
  }
}
