print("pixnerd")
