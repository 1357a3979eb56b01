/** Something that can be done, as the palette lists it. */
export interface Command {
  id: string;
  group: string;
  title: string;
  /** Other words by which it may be looked for. */
  keywords: string[];
  run: () => void;
}
