import { Component, type ReactNode } from "react";

interface State {
  failed: string | null;
  of: string;
}

/** A view that fails takes nothing else down with it, and can be tried again. A change of `of` is another view, which is tried by itself. */
export class Boundary extends Component<{ of: string; children: ReactNode }, State> {
  override state: State = { failed: null, of: this.props.of };

  static getDerivedStateFromProps({ of }: { of: string }, state: State): State | null {
    return of === state.of ? null : { failed: null, of };
  }

  static getDerivedStateFromError(error: unknown): Pick<State, "failed"> {
    return { failed: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.failed === null) return this.props.children;
    return (
      <div className="page">
        <div className="banner" role="alert">
          This view has failed: {this.state.failed}
        </div>
        <div className="button-row">
          <button type="button" onClick={() => this.setState({ failed: null })}>
            Show it again
          </button>
        </div>
      </div>
    );
  }
}
