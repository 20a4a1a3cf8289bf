/**
 * Makes something once, at its first use, for whoever asks. Where making it fails, all who wait are told, and the next
 * who asks makes it anew.
 */
export function createCached<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    if (made) return made;
    const making = make();
    made = making;
    making.catch(() => {
      if (made === making) made = undefined;
    });
    return making;
  };
}
