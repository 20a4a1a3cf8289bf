/** The child's side of a conversation: answers every message; ends the process when the parent has let go. */
export function answerParent<Question, Answer>(
  answer: (question: Question) => Promise<Answer>,
  close: () => Promise<void> = async () => {},
): void {
  process.on("message", (question) => {
    // What the parent was written to ask.
    void answer(question as Question).then((result) => process.send?.(result));
  });
  process.on("disconnect", () => void close().finally(() => process.exit()));
}
