print("gridless")
