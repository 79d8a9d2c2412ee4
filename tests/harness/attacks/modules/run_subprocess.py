"""Run a shell command."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import subprocess

    subprocess.run(f"echo x > {target['scratch']}/made", shell=True, check=True)
