/** A part of the journal that is being worked on. */
export interface Ticket {
  readonly position: number;
  readonly bytes: number;
  done: boolean;
}

/** How far the journal was read, and up to where all of it is done. */
export interface Cursor {
  /** Everything up to here was looked at. */
  readonly read: number;
  /** Everything up to here is done. */
  readonly done: number;
  /** Tickets that are open, and the bytes of what they are for. */
  readonly open: number;
  readonly openBytes: number;
  readTo(position: number): void;
  /** Positions are given in ascending order. */
  begin(position: number, bytes: number): Ticket;
  end(ticket: Ticket): void;
  reset(position: number): void;
}

export function createCursor(): Cursor {
  /** In the order of positions, from `first` on. */
  let tickets: Ticket[] = [];
  let first = 0;
  let read = 0;
  let open = 0;
  let openBytes = 0;
  return {
    get read() {
      return read;
    },
    get done() {
      const oldest = tickets[first];
      return oldest === undefined ? read : oldest.position - 1;
    },
    get open() {
      return open;
    },
    get openBytes() {
      return openBytes;
    },
    readTo(position) {
      read = position;
    },
    begin(position, bytes) {
      const ticket = { position, bytes, done: false };
      tickets.push(ticket);
      open++;
      openBytes += bytes;
      return ticket;
    },
    end(ticket) {
      if (ticket.done) return;
      ticket.done = true;
      open--;
      openBytes -= ticket.bytes;
      while (tickets[first]?.done) first++;
      if (first < 1_024 && first < tickets.length) return;
      tickets = tickets.slice(first);
      first = 0;
    },
    reset(position) {
      tickets = [];
      first = 0;
      read = position;
      open = 0;
      openBytes = 0;
    },
  };
}
