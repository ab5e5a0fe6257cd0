import Gridless

print("Gridless is linked.")
