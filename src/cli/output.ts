/** A reader that has gone (`| head -1`) ends the command without a word, as SIGPIPE would: 128 + 13. */
export function endWithReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(141);
      throw error;
    });
  }
}

/** Prints a line, or several. Resolves when they are written, so that a slow reader slows the command down. */
export function print(text: string): Promise<void> {
  return written(process.stdout, `${text}\n`);
}

/** Resolves when all that was written to both outputs is with the system. */
export async function flush(): Promise<void> {
  await written(process.stdout, "");
  await written(process.stderr, "");
}

function written(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    // After a failure nothing may go on: the stream's "error" comes next and ends the process.
    stream.write(text, (error) => void (error ?? resolve()));
  });
}

/** Foreign text without what would steer the terminal: control characters are spelt out, lines stay lines. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A count that goes on, for who looks on: `120 events`, on a terminal only. Called without a number it ends the line. */
export function progress(what: string): (count?: number) => void {
  let isShown = false;
  return (count) => {
    if (!process.stderr.isTTY) return;
    if (count !== undefined) process.stderr.write(`\r${count} ${what}`);
    else if (isShown) process.stderr.write("\n");
    isShown = true;
  };
}
