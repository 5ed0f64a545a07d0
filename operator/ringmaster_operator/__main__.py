from ringmaster_operator.main import entry

entry()
