let isAsked = false

/** The next delivery that is acknowledged will be acknowledged once more, which RabbitMQ answers with 406. */
export const askForAnotherAck = (): void => {
  isAsked = true
}

/** Whether it is to be this one. */
export const isToBeAckedAgain = (): boolean => {
  const isThisOne = isAsked
  isAsked = false
  return isThisOne
}
