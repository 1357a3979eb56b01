/** Which dialog about the library is open. */
import { create } from "zustand";

export type Asked =
  | { what: "edit" | "clone" | "fork" | "snapshot"; uuid: string }
  | { what: "bin" }
  | { what: "import"; file: File | null };
export const useLibraryAsked = create<{ asked: Asked | null }>()(() => ({ asked: null }));

export function askLibrary(asked: Asked | null): void {
  useLibraryAsked.setState({ asked });
}
