"""A package, so that its browser ends with its last test: as long as it runs, Playwright keeps a
loop on the tests' thread, beside which asyncio runs no other.
"""
