#!/bin/bash
mount -t lustre -o noatime,flock fs-0eeeeeeeeeeeeeeee.fsx.us-east-1.amazonaws.com@tcp:/abcdefgh /fsx
