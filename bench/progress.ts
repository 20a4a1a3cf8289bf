/** Where progress goes: one line that changes on a terminal, lines of their own in a log. */
export interface Progress {
  show(text: string): void;
  /** Makes room for a line of the table. */
  clear(): void;
}

export function createProgress(out: NodeJS.WriteStream): Progress {
  const rewrite = out.isTTY ? "\r\u001b[2K" : "";
  return {
    show: (text) => void out.write(rewrite === "" ? `${text}\n` : `${rewrite}${text}`),
    clear: () => void out.write(rewrite),
  };
}
