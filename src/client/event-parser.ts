import { unexpectedAnswer } from "./answer.ts";

export interface EventParser {
  /** The `data` of all events that the text completes. @throws ClientError `unexpected-answer` for an endless one */
  push(text: string): readonly string[];
  /** How long the server asks to wait before the next connection, milliseconds. */
  readonly retryMs: number | undefined;
}

/** Longest piece of an unfinished event, characters. An event's data is at most 128 KiB. */
const pendingCharsMax = 1024 * 1024;

/**
 * Reads server-sent events from text in pieces. Versions are in the data, so `id` and `event` are not looked at.
 * Source: WHATWG HTML, section 9.2.6; lines end with LF or CRLF.
 */
export function createEventParser(): EventParser {
  let rest = "";
  let data: string[] = [];
  let retryMs: number | undefined;
  return {
    get retryMs() {
      return retryMs;
    },
    push(text) {
      const complete: string[] = [];
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const raw of lines) {
        const line = raw.replace(/\r$/, "");
        const [, field, value = ""] = /^(\w+): ?(.*)$/s.exec(line) ?? [];
        if (field === "data") data.push(value);
        if (field === "retry" && /^\d+$/.test(value)) retryMs = Number(value);
        if (line !== "" || data.length === 0) continue;
        complete.push(data.join("\n"));
        data = [];
      }
      if (rest.length + data.join().length > pendingCharsMax) throw unexpectedAnswer("an event does not end");
      return complete;
    },
  };
}
