"""The public conformance suite for Jupyter kernels, for the kernel named by MS_RNN_KERNEL."""
import os
import unittest

import jupyter_kernel_test


class MsRnnKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = os.environ.get("MS_RNN_KERNEL", "ms-rnn")
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = 'console.log("hello, world")'
    code_stderr = 'console.error("to stderr")'
    completion_samples = [{"text": "Number.MAX_SAFE_I", "matches": {"MAX_SAFE_INTEGER"}}]
    complete_code_samples = ["1 + 1", "const a: number = 3", "for (const x of [1]) { x }", "await (3)"]
    incomplete_code_samples = ["function f() {", "[1, 2,", "const s = `one", "/* open"]
    invalid_code_samples = ["const = 3", ") + (", "let 1a"]
    code_generate_error = 'throw new Error("on purpose")'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"a" + "b"', "result": "'ab'"},
        {"code": "[1, 2].map((x) => 2 * x)", "result": "[ 2, 4 ]"},
        {"code": "await (Promise.resolve(5))", "result": "5"},
        {
            "code": '({ [Symbol.for("Jupyter.display")]: () => ({ "text/html": "<b>x</b>" }) })',
            "mime": "text/html",
            "result": "<b>x</b>",
        },
    ]
    code_display_data = [
        {
            "code": '(globalThis as any)[Symbol.for("ms-rnn.kernel")].display({ "image/png": "aGk=" })',
            "mime": "image/png",
        },
        {"code": 'import { display } from "tslab"; display.html("<i>x</i>")', "mime": "text/html"},
    ]
    code_history_pattern = "6 * ?"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Number.MAX_SAFE_INTEGER"
    code_clear_output = "console.clear()"


if __name__ == "__main__":
    unittest.main()
