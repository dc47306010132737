/** An answer the sender's protocol asks for in place of our own 202, once its records are safe. */
export interface BodyReply {
  status: number
  contentType: string
  body: string
}

/**
 * Outbound messages of Salesforce: SOAP with up to a hundred objects, sent again for a day until they are acknowledged
 * in SOAP. https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_wsdl.htm
 */
const NAMESPACE = 'http://soap.sforce.com/2005/09/outbound'

/** The objects alone: what stands around them holds a session id of the sender. */
export const OUTBOUND_MESSAGE_PATH = ['Envelope', 'Body', 'notifications', 'Notification', 'sObject'] as const

/** Whether a document is such a message, if its root is the first step of the path. */
export const mayBeOutboundMessage = (text: string): boolean => text.includes(NAMESPACE)

export const ACKNOWLEDGEMENT: BodyReply = {
  status: 200,
  contentType: 'text/xml; charset=utf-8',
  body:
    '<?xml version="1.0" encoding="UTF-8"?>' +
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>' +
    `<notificationsResponse xmlns="${NAMESPACE}"><Ack>true</Ack></notificationsResponse>` +
    '</soapenv:Body></soapenv:Envelope>'
}
