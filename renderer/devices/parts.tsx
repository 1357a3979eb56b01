/** Parts that the lists of devices share. */
import { xenbusWord } from "./figures.ts";

/** The state of one end, in a word. */
export function BusState({ state }: { state: string | null }) {
  if (state === null) return "none";
  const [, word = state] = xenbusWord(state).split(" ");
  return <span title={`XenbusState ${state}`}>{word}</span>;
}
