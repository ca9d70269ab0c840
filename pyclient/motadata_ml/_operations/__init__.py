"""What each client call does, as steps that a blocking or an asynchronous connection performs."""
