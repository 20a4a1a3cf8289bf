/** What was observed of one operation: when it was asked for and when it was answered, as places in one order. */
export interface Observed {
  readonly invoked: number;
  /** `Infinity`: nobody has heard of it; it may have happened at any time, or never. */
  readonly answered: number;
}

/** What an object does when one thing happens after the other. */
export interface Model<State, Operation> {
  readonly initial: State;
  /**
   * The state after the operation, the same object if that changes nothing; `undefined` if in this state it cannot have
   * been answered as it was.
   */
  apply(state: State, operation: Operation): State | undefined;
  /** Whether the operation, answered as it was, changes nothing in any state. */
  reads(operation: Operation): boolean;
  /** Equal for equal states. */
  hash(state: State): string;
}

interface Node<Operation> {
  readonly operation: Operation;
  readonly index: number;
  /** The node of its answer; absent in that node itself, and where there was none. */
  answer: Node<Operation> | undefined;
  readonly isAnswer: boolean;
  before: Node<Operation> | undefined;
  after: Node<Operation> | undefined;
}

/** What was placed, and the state before it. */
interface Placed<State, Operation> {
  readonly node: Node<Operation>;
  readonly before: State;
}

/** A place on the way where there was a choice. */
interface Fork<Operation> {
  readonly candidates: readonly Node<Operation>[];
  /** The next one to try. */
  next: number;
  /** How many operations were placed before. */
  readonly depth: number;
}

/**
 * Whether there is an order of the operations that keeps the order of those that did not overlap and in which each was
 * answered as the model says: whether the object was linearisable. Answers the operation that could not be placed on
 * the longest way that was found; `undefined` if all could.
 *
 * What only reads is placed as soon as it can be: what comes behind it is the same. So only the others are tried in
 * different orders, and a set of placed operations that led nowhere in a state is not tried again.
 * One that was never answered need not be placed.
 *
 * Source: J. M. Wing and C. Gong, Testing and Verifying Concurrent Objects, 1993; with the memory of G. Lowe, Testing for
 * Linearizability, 2017.
 */
export function linearise<State, Operation extends Observed>(
  operations: readonly Operation[],
  model: Model<State, Operation>,
): { readonly operation: Operation; readonly placed: number } | undefined {
  const head = listOf(operations);
  const way: Placed<State, Operation>[] = [];
  const forks: Fork<Operation>[] = [];
  const failed = new Set<string>();
  let left = operations.filter(({ answered }) => answered !== Infinity).length;
  let best = { left: Infinity, at: undefined as Operation | undefined };
  let state = model.initial;

  function place(node: Node<Operation>, next: State): void {
    way.push({ node, before: state });
    state = next;
    unlink(node);
    if (!node.answer) return;
    unlink(node.answer);
    left--;
  }

  function takeBack(): void {
    const last = way.pop();
    if (last === undefined) return;
    const { node, before } = last;
    state = before;
    if (node.answer) {
      relink(node.answer);
      left++;
    }
    relink(node);
  }

  const mark = (): string => {
    const placed = way.map(({ node }) => node.index).toSorted((a, b) => a - b);
    return `${placed.join()} ${model.hash(state)}`;
  };

  /** All that could come next: what began before anything else that is left was answered. */
  function* open(): Generator<Node<Operation>> {
    for (let node = head.after; node && !node.isAnswer; node = node.after) yield node;
  }

  /** One look at each is enough: the state stays the same, and what becomes open lies behind. */
  function placeForced(): void {
    let before = head;
    for (let node = before.after; node && !node.isAnswer; node = before.after) {
      const { operation, answer } = node;
      if (answer && model.reads(operation) && model.apply(state, operation) !== undefined) place(node, state);
      else before = node;
    }
  }

  /** Goes on at the newest fork that has something left to try. */
  function goOn(): boolean {
    for (let fork = forks.at(-1); fork; fork = forks.at(-1)) {
      if (fork.next > 0 && way.length > fork.depth) {
        while (way.length > fork.depth + 1) takeBack();
        failed.add(mark());
        takeBack();
      }
      for (let node = fork.candidates[fork.next++]; node; node = fork.candidates[fork.next++]) {
        const next = model.apply(state, node.operation);
        if (next === undefined || (next === state && !node.answer)) continue;
        place(node, next);
        if (failed.size === 0 || !failed.has(mark())) return true;
        takeBack();
      }
      forks.pop();
    }
    return false;
  }

  for (;;) {
    placeForced();
    if (left === 0) return undefined;
    const all = [...open()];
    if (left < best.left) {
      let node = head.after;
      while (node && !node.isAnswer) node = node.after;
      best = { left, at: node?.operation };
    }
    const writes = all.filter(({ operation }) => !model.reads(operation));
    const candidates = [...writes.filter(({ answer }) => answer), ...writes.filter(({ answer }) => !answer)];
    forks.push({ candidates, next: 0, depth: way.length });
    // There is one that could not be placed: something is left, and it was answered.
    if (!goOn()) return { operation: best.at as Operation, placed: operations.length - best.left };
  }
}

/** Requests and answers in the order in which they were observed, behind a head that stands for neither. */
function listOf<Operation extends Observed>(operations: readonly Operation[]): Node<Operation> {
  const nodes: { readonly at: number; readonly node: Node<Operation> }[] = [];
  for (const [index, operation] of operations.entries()) {
    const links = { before: undefined, after: undefined };
    const node: Node<Operation> = { operation, index, answer: undefined, isAnswer: false, ...links };
    nodes.push({ at: operation.invoked, node });
    if (operation.answered === Infinity) continue;
    node.answer = { operation, index, answer: undefined, isAnswer: true, ...links };
    nodes.push({ at: operation.answered, node: node.answer });
  }
  nodes.sort((a, b) => a.at - b.at);
  // The head's operation is never looked at.
  const head = {
    operation: undefined as never,
    index: -1,
    answer: undefined,
    isAnswer: false,
  } as unknown as Node<Operation>;
  let last = head;
  for (const { node } of nodes) {
    last.after = node;
    node.before = last;
    last = node;
  }
  return head;
}

function unlink<Operation>({ before, after }: Node<Operation>): void {
  if (before) before.after = after;
  if (after) after.before = before;
}

/** Undoes the last `unlink` that was not undone. */
function relink<Operation>(node: Node<Operation>): void {
  if (node.before) node.before.after = node;
  if (node.after) node.after.before = node;
}
