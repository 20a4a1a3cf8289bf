import { styleText } from "node:util";
import { isHoldfastError, type Logger } from "holdfast";

type Colour = "blue" | "cyan" | "green" | "magenta" | "red" | "yellow" | "gray";

/** Lines for a person. */
export interface Terminal {
  /** One line: the time, whom it is about, what happened. */
  say(colour: Colour, about: string, text: string): void;
  /** The log, for the same person: no JSON. */
  readonly logger: Logger;
}

/** In colour where the stream can show it: a terminal, without NO_COLOR. */
export function createTerminal(stream: NodeJS.WritableStream): Terminal {
  function say(colour: Colour, about: string, text: string): void {
    const time = new Date().toLocaleTimeString("sv-SE");
    // Names come from clients; what they hide in them must not reach the terminal.
    const line = `${time}  ${about.padEnd(12)}  ${text}`.replaceAll(/\p{Cc}/gu, "?");
    stream.write(`${styleText(colour, line, { stream })}\n`);
  }

  /** Errors in a line; those that nobody has foreseen with their stack. */
  function log(colour: Colour, fields: object, message: string): void {
    const { stream: about, error } = fields as { stream?: { entity: string; id: string }; error?: unknown };
    const text = error instanceof Error ? `${message}: ${error.message}` : message;
    say(colour, about ? `${about.entity} ${about.id}` : "", text);
    if (colour === "red" && error instanceof Error && !isHoldfastError(error)) stream.write(`${error.stack}\n`);
  }

  return {
    say,
    logger: {
      debug: () => {},
      info: (fields, message) => log("gray", fields, message),
      warn: (fields, message) => log("yellow", fields, message),
      error: (fields, message) => log("red", fields, message),
    },
  };
}
