package demo;

import com.google.protobuf.StringValue;

/** What all of these peers provide and call: /demo.EchoService/Echo with a StringValue both ways. */
public interface EchoService {
    StringValue Echo(StringValue request);
}
