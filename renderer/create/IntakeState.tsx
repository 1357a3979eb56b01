import type { Intake } from "./useIntake.ts";

/** Shows what is being taken in and how far it has come, and after that what was not taken. */
export function IntakeState({ intake, failure }: { intake: Intake; failure: string | null }) {
  const { reading, refused, stop } = intake;
  return (
    <>
      {reading !== null && (
        <div className="progress">
          <label htmlFor="create-progress">
            {reading.done === null ? "Looking into" : "Reading"} {reading.what}
          </label>
          <progress id="create-progress" max={1} value={reading.done ?? undefined} />
          <button type="button" onClick={stop}>
            Stop
          </button>
        </div>
      )}
      {[...refused, ...(failure === null ? [] : [failure])].map((each) => (
        <p key={each} className="field-error" role="alert">
          {each}
        </p>
      ))}
    </>
  );
}
