"""`densesharp completion`: the lines that make a shell complete commands and options."""

import argparse
import os
import shlex
import sys

SHELLS = ("bash", "zsh", "fish", "powershell")

ZSH_BEGINS = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }\n"
"""Switches zsh's completion on where no start file has done so."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Print what a shell needs to complete commands and options. In bash: "
        'eval "$(densesharp completion bash)", in zsh: eval "$(densesharp completion zsh)", in '
        "fish: densesharp completion fish | source, in "
        "PowerShell: densesharp completion powershell | Out-String | Invoke-Expression; to keep "
        "it, put that line into the shell's start file."
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell that is used")


def run(args: argparse.Namespace) -> int:
    """Print the shell's code."""
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(ZSH_BEGINS * (args.shell == "zsh"))
    sys.stdout.write(shellcode(["densesharp"], shell=args.shell))
    return 0


def complete() -> None:
    """Answer the shell, which gives the line that is typed in COMP_LINE, and end the program."""
    import argcomplete

    from densesharp.cli import build_parser

    typed = os.environ["COMP_LINE"][: int(os.environ.get("COMP_POINT", "100000"))]
    try:
        words = shlex.split(typed)
    except ValueError:  # a quote is still open
        words = typed.split()
    argcomplete.autocomplete(build_parser(words[1:]))
