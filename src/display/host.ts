import { notebookHost as host, PROGRESS_METADATA } from "#kernel/host";

/** Metadata of an output that only reports progress. */
export const progressMetadata: Record<string, unknown> = PROGRESS_METADATA;

/**
 * What the notebook offers to code that runs in it. Written out here, because a notebook's type checker does not follow
 * the import above; the compiler checks that the kernel's own agrees.
 */
export interface NotebookHost {
  /** Sends one output, a map from MIME type to data; with an `id` it can be replaced later (`update`). */
  display(
    data: Record<string, unknown>,
    options?: { metadata?: Record<string, unknown>; id?: string; update?: boolean },
  ): void;
  /** True once the user has interrupted the cell that asks. */
  readonly interrupted: boolean;
}

/** The notebook this code runs in, or undefined outside one. */
export const notebookHost = (): NotebookHost | undefined => host();
