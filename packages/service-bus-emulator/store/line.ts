/** Sequence numbers, smallest first. What returns takes its old place again. */
export interface Line {
  readonly size: number;
  first(): number | undefined;
  insert(sequence: number): void;
  delete(sequence: number): void;
}

export function createLine(): Line {
  const items: number[] = [];
  // Items before this are gone; they are cut off now and then.
  let head = 0;

  function placeOf(sequence: number): number {
    let [low, high] = [head, items.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((items[middle] ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    get size() {
      return items.length - head;
    },
    first: () => items[head],
    insert(sequence) {
      const place = placeOf(sequence);
      if (items[place] === sequence) return;
      if (place === head && head > 0) items[--head] = sequence;
      else items.splice(place, 0, sequence);
    },
    delete(sequence) {
      const place = placeOf(sequence);
      if (items[place] !== sequence) return;
      if (place > head) items.splice(place, 1);
      else if (++head > 1_024 && head * 2 > items.length) {
        items.splice(0, head);
        head = 0;
      }
    },
  };
}
