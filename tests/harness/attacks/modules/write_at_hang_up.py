"""Wait in a thread until the grader hangs up, then rewrite the results file."""

KIND = "act"
OUTCOME = "refused"
OPEN = "a worker is killed before it could notice"
AFTER = 0.3


def attack(target):
    import threading
    import time

    def wait_and_write():
        time.sleep(0.15)
        with open(target["results"], "w") as file:
            file.write('{"score": 100}')

    threading.Thread(target=wait_and_write, daemon=True).start()
