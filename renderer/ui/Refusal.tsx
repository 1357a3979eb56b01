/** Why something is not done, or can't be. */
export function Refusal({ text }: { text: string | null }) {
  if (text === null) return null;
  return (
    <p className="field-error" role="alert">
      {text}
    </p>
  );
}
