"""``python -m ganzoo``, which is also how ``accelerate launch -m ganzoo`` starts."""

from ganzoo.cli import main

if __name__ == "__main__":
    main()
